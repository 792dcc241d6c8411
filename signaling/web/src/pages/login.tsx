// A one-time login link: /login#TOKEN. The token is spent by a POST and leaves the address at once.
import { signal } from "@preact/signals";
import { type JSX, render } from "preact";
import "../ui/base.css";
import { Fault, isObject, wordOf } from "../core/protocol";
import { t } from "../i18n";
import * as api from "../net/api";
import { home } from "../net/home";

const failure = signal("");

const enter = async (): Promise<void> => {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (token === "") {
    location.replace("/");
    return;
  }
  try {
    const answer = await api.post<Record<string, unknown>>("login", { token });
    const user = answer["user"];
    location.replace(home(isObject(user) ? wordOf(user["role"]) : ""));
  } catch (error) {
    failure.value = error instanceof Fault ? error.message : t("fault.unknown");
  }
};

const Page = (): JSX.Element => (
  <main class="centre">
    {failure.value === "" ? (
      <p class="pulse">{t("login.going")}</p>
    ) : (
      <div class="panel card" id="login-failed">
        <h1>{t("login.failed")}</h1>
        <p>{failure.value}</p>
        <p>{t("login.hint")}</p>
        <a href="/">{t("login.front")}</a>
      </div>
    )}
  </main>
);

document.title = `${t("front.login")} · Điểm Cầu`;
const root = document.getElementById("page");
if (root !== null) {
  render(<Page />, root);
  void enter();
}
