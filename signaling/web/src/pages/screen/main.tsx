// The second screen: the pages in turn and nothing else, by a receive-only leg, silent. What leads them comes when the mouse
// moves or a finger touches, and goes again.
import { computed, effect, signal, useSignal } from "@preact/signals";
import { type JSX, render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import "../../ui/base.css";
import "./screen.css";
import { t } from "../../i18n";
import { Leg } from "../../media/leg";
import { HallStore, requireUser } from "../../net/hall";
import { keepAwake } from "../../ui/awake";
import { PageNumber, TurnBar } from "../../ui/TurnBar";
import { Button, ClockFace, Screen, toggleFull } from "../../ui/parts";
import { Toasts } from "../../ui/toasts";
import { SessionOver } from "../chair/Header";

const SHOWN_MS = 4000;

const hall = signal<HallStore | null>(null);
const leg = signal<Leg | null>(null);

/** One leg for the meeting that is watched; none while there is none. */
const follow = (store: HallStore): void => {
  let drop: (() => void) | null = null;
  // A meeting that changes is still the same one: its picture goes on.
  const id = computed(() => store.meeting.value?.id);
  effect(() => {
    const meeting = id.value;
    drop?.();
    drop = null;
    leg.peek()?.close();
    leg.value = null;
    if (meeting === undefined) return;
    const next = new Leg(store.link, "receive", "pages");
    drop = store.addLeg(next);
    leg.value = next;
    next.want();
  });
  effect(() => keepAwake(store.meeting.value !== null));
};

const Pages = ({ store }: { store: HallStore }): JSX.Element => {
  const shown = useSignal(true);
  const timer = useRef<number | undefined>(undefined);
  const box = useRef<HTMLElement>(null);
  const show = (): void => {
    shown.value = true;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => (shown.value = false), SHOWN_MS);
  };
  useEffect(() => {
    show();
    return () => clearTimeout(timer.current);
  }, []);
  const stream = leg.value?.stream.value ?? null;
  const state = leg.value?.state.value ?? "none";
  const meeting = store.meeting.value;
  document.title = `${t("screen.title")} · ${meeting?.title ?? "Điểm Cầu"}`;
  if (meeting === null)
    return (
      <main class="centre" id="no-meeting">
        <ClockFace />
        <p class="soft">{t("screen.no_meeting")}</p>
      </main>
    );
  return (
    <main
      class={`second-screen${shown.value ? "" : " bare"}`}
      ref={box}
      onPointerMove={show}
      onPointerDown={show}
      onKeyDown={show}
      onFocusCapture={show}
    >
      <Screen id="program" stream={stream} muted />
      {(stream === null || state === "weak" || store.link.state.value !== "open") && (
        <div class="picture-word pulse">
          {t(
            store.link.state.value !== "open"
              ? "link.lost"
              : state === "weak"
                ? "link.media_weak"
                : "link.media_opening",
          )}
        </div>
      )}
      <div class="second-bar">
        <TurnBar hall={store} />
        <Button icon="full" label={t("room.full")} onClick={() => toggleFull(box.current)} />
      </div>
      <div class="second-corner">
        <PageNumber hall={store} />
      </div>
    </main>
  );
};

const Page = (): JSX.Element =>
  hall.value === null ? (
    <main class="centre">
      <p class="pulse">{t("link.connecting")}</p>
    </main>
  ) : (
    <>
      <Pages store={hall.value} />
      <SessionOver hall={hall.value} />
    </>
  );

const start = async (): Promise<void> => {
  const user = await requireUser(["chair", "technician", "admin"]);
  if (user === null) return;
  const store = new HallStore(user.role === "chair" ? "chair" : "technician");
  follow(store);
  hall.value = store;
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
