import { effect, signal } from "@preact/signals";
import { type JSX, render } from "preact";
import "../../ui/base.css";
import "./room.css";
import { t } from "../../i18n";
import { keepAwake } from "../../ui/awake";
import { Button, LanguageButton, SupportLine } from "../../ui/parts";
import { Toasts } from "../../ui/toasts";
import { Check } from "./Check";
import { MeetingView } from "./MeetingView";
import { Room } from "./room";
import { Choose, Taken, Waiting } from "./Waiting";

const room = new Room();
effect(() => keepAwake(room.phase.value === "in" || room.phase.value === "waiting"));
const checking = signal(false);
effect(() => {
  // Who was checking when the meeting began waits after it, not checks.
  if (room.phase.value === "in") checking.value = false;
});

const Refused = (): JSX.Element => (
  <main class="centre">
    <div class="panel card" id="refused">
      <h1>{t("refused.title")}</h1>
      <p>{room.refusal.value}</p>
      <p>{t("refused.call")}</p>
      <SupportLine support={room.support.value} />
      <div class="row wrap">
        <Button onClick={() => location.reload()}>{t("common.again")}</Button>
        <LanguageButton />
      </div>
    </div>
  </main>
);

const Loading = (): JSX.Element => (
  <main class="centre">
    <p class="pulse">{t(room.phase.value === "unreachable" ? "link.unreachable" : "link.connecting")}</p>
  </main>
);

const Page = (): JSX.Element => {
  const title = room.me.value?.label;
  document.title = title === undefined ? "Điểm Cầu" : `${title} · Điểm Cầu`;
  switch (room.phase.value) {
    case "loading":
    case "unreachable":
      return <Loading />;
    case "refused":
      return <Refused />;
    case "check":
      return <Check room={room} />;
    case "waiting":
      return checking.value ? (
        <Check room={room} onBack={() => (checking.value = false)} />
      ) : (
        <Waiting room={room} onCheck={() => (checking.value = true)} />
      );
    case "choose":
      return <Choose room={room} />;
    case "taken":
      return <Taken room={room} />;
    case "in":
      return <MeetingView room={room} />;
  }
};

// Another link pasted into the same tab changes only the fragment, which loads nothing.
window.addEventListener("hashchange", () => location.reload());

const root = document.getElementById("page");
if (root !== null) {
  render(
    <>
      <Page />
      <Toasts />
    </>,
    root,
  );
  void room.enter();
}
