// A one-time login link: /login#TOKEN. The token is spent by a POST and leaves the address at once.
import { signal } from "@preact/signals";
import { type JSX, render } from "preact";
import "../ui/base.css";
import { Fault, isObject, isPassing, wordOf } from "../core/protocol";
import { t } from "../i18n";
import * as api from "../net/api";
import { home } from "../net/home";

const failure = signal("");
const unreachable = signal(false);
const RETRY_MS = 3000;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The token is here alone, so it is we who try again while the server cannot be reached. */
const login = async (token: string): Promise<Record<string, unknown>> => {
  for (;;) {
    try {
      return await api.post<Record<string, unknown>>("login", { token });
    } catch (error) {
      if (!(error instanceof Fault) || !isPassing(error)) throw error;
      unreachable.value = true;
      await sleep(RETRY_MS);
    }
  }
};

const enter = async (): Promise<void> => {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (token === "") {
    location.replace("/");
    return;
  }
  try {
    const answer = await login(token);
    const user = answer["user"];
    location.replace(home(isObject(user) ? wordOf(user["role"]) : ""));
  } catch (error) {
    failure.value = error instanceof Fault ? error.message : t("fault.unknown");
  }
};

const Page = (): JSX.Element => (
  <main class="centre">
    {failure.value === "" ? (
      <p class="pulse">{t(unreachable.value ? "link.unreachable" : "login.going")}</p>
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
