import { effect, signal } from "@preact/signals";
import { type JSX, render } from "preact";
import "../../ui/base.css";
import "./chair.css";
import { t } from "../../i18n";
import { HallStore, requireUser } from "../../net/hall";
import { keepAwake } from "../../ui/awake";
import { Toasts } from "../../ui/toasts";
import { Console } from "./Console";
import { Lobby } from "./Lobby";
import { Part } from "./part";
import { Watch } from "./watch";

interface Desk {
  hall: HallStore;
  watch: Watch;
  part: Part;
  name: string;
}

const desk = signal<Desk | null>(null);

const Page = (): JSX.Element => {
  const ready = desk.value;
  if (ready === null) {
    return (
      <main class="centre">
        <p class="pulse">{t("link.connecting")}</p>
      </main>
    );
  }
  const { hall, watch, part, name } = ready;
  document.title = `${hall.meeting.value?.title ?? t("chair.title")} · Điểm Cầu`;
  return hall.meeting.value === null ? (
    <Lobby hall={hall} name={name} />
  ) : (
    <Console hall={hall} watch={watch} part={part} />
  );
};

const start = async (): Promise<void> => {
  const user = await requireUser(["chair", "technician", "admin"]);
  if (user === null) return;
  const watch = new Watch();
  const part = new Part();
  const hall = new HallStore("chair");
  part.begin(hall);
  watch.begin(hall, part);
  effect(() => keepAwake(hall.meeting.value !== null));
  desk.value = { hall, watch, part, name: user.name };
};

const root = document.getElementById("page");
if (root !== null) {
  render(
    <>
      <Page />
      <Toasts />
    </>,
    root,
  );
  void start();
}
