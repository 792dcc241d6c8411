// The front page: what this is, and the login of the staff. Rooms come by their own links and never see it.
import { signal } from "@preact/signals";
import { type JSX, render } from "preact";
import "../ui/base.css";
import "./front.css";
import { Fault, isObject, wordOf } from "../core/protocol";
import { t } from "../i18n";
import * as api from "../net/api";
import { home } from "../net/home";
import { Button, LanguageButton } from "../ui/parts";

const name = signal("");
const password = signal("");
const busy = signal(false);
const failure = signal("");

const login = async (): Promise<void> => {
  busy.value = true;
  failure.value = "";
  try {
    const answer = await api.post<Record<string, unknown>>("login", {
      name: name.peek().trim(),
      password: password.peek(),
    });
    const user = answer["user"];
    location.assign(home(isObject(user) ? wordOf(user["role"]) : ""));
  } catch (error) {
    failure.value = error instanceof Fault ? error.message : t("fault.unknown");
    password.value = "";
  } finally {
    busy.value = false;
  }
};

const Page = (): JSX.Element => (
  <main class="centre">
    <div class="front">
      <div class="row">
        <img class="logo" src={new URL("../ui/icon.svg", import.meta.url).href} alt="" />
        <div class="grow">
          <h1>Điểm Cầu</h1>
          <p class="soft">{t("front.what")}</p>
        </div>
        <LanguageButton />
      </div>
      <form
        class="panel card"
        id="login"
        onSubmit={(event) => {
          event.preventDefault();
          void login();
        }}
      >
        <h2>{t("front.login")}</h2>
        <label class="field">
          <span>{t("front.name")}</span>
          <input
            id="name"
            type="text"
            autocomplete="username"
            autocapitalize="none"
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>{t("front.password")}</span>
          <input
            id="password"
            type="password"
            autocomplete="current-password"
            value={password.value}
            onInput={(event) => (password.value = event.currentTarget.value)}
          />
        </label>
        {failure.value !== "" && (
          <p class="notice bad" role="alert" id="failure">
            {failure.value}
          </p>
        )}
        <Button
          submit
          kind="primary"
          big
          disabled={busy.value || name.value.trim() === "" || password.value === ""}
        >
          {t("front.enter")}
        </Button>
      </form>
      <p class="soft">{t("front.room")}</p>
    </div>
  </main>
);

document.title = `${t("front.login")} · Điểm Cầu`;
const root = document.getElementById("page");
if (root !== null) render(<Page />, root);
