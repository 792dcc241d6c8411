// The chair's desk: what all see, who asks, who is there, and the few commands of a meeting.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type Layout, SIZED_GRIDS, type Undo, type View } from "../../core/protocol";
import { type Key, t } from "../../i18n";
import { setSink, wantsTouch } from "../../media/sound";
import type { HallStore } from "../../net/hall";
import { now } from "../../ui/clock";
import { Icon } from "../../ui/icons";
import { IntervalSelect, TurnBar } from "../../ui/TurnBar";
import { Button, Dialog, HoldButton, Screen, toggleFull } from "../../ui/parts";
import { Header } from "./Header";
import { LayoutIcon } from "./LayoutIcon";
import { Hands, Rooms } from "./Rooms";
import { PartBar } from "./PartBar";
import type { Part } from "./part";
import type { Watch } from "./watch";

const LAYOUTS: readonly Layout[] = ["full", "1+1", "1+5", "1+7", "1+12", "1+20", "grid", "lecture"];
const VIEWS: readonly { view: View; key: Key; icon: "program" | "wall" | "turn" }[] = [
  { view: "program", key: "chair.program", icon: "program" },
  { view: "wall", key: "chair.wall", icon: "wall" },
  { view: "pages", key: "chair.pages", icon: "turn" },
];

/** What a room shows to all, beside the picture; a tap makes it large. The chair ends it with one press. */
const Preview = ({
  hall,
  watch,
  part,
  large,
  onSwap,
}: {
  hall: HallStore;
  watch: Watch;
  part: Part;
  large: boolean;
  onSwap: () => void;
}): JSX.Element | null => {
  const presenting = hall.meeting.value?.presenting ?? null;
  const own = part.screening.track.value;
  const received = watch.leg.value?.presentation.value ?? null;
  // Our own screen does not come back to us.
  const stream = useMemo(() => (own === null ? received : new MediaStream([own])), [own, received]);
  if (presenting === null) return null;
  return (
    <>
      <Screen id="slides" stream={stream} muted class={large ? "" : "aside"} />
      <button
        id="swap"
        type="button"
        class="aside swap"
        aria-label={t("present.swap")}
        title={t("present.swap")}
        onClick={onSwap}
      />
      <Button
        id="present-stop"
        class="present-stop"
        icon="close"
        onClick={() => (own === null ? void hall.do("present.stop", { seat: presenting }) : part.screening.stop())}
      >
        {t("present.stop")}
      </Button>
    </>
  );
};

const Picture = ({ hall, watch, part }: { hall: HallStore; watch: Watch; part: Part }): JSX.Element => {
  const video = useRef<HTMLVideoElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const stream = watch.leg.value?.stream.value ?? null;
  const state = watch.leg.value?.state.value ?? "none";
  const listening = watch.listening.value;
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    element.muted = !listening;
    if (element.srcObject !== stream) element.srcObject = stream;
    element.play().catch((error: unknown) => {
      if (!wantsTouch(error)) return;
      // Sound needs the touch that turned it on; should even that not do, the picture goes on silently.
      element.muted = true;
      watch.listening.value = false;
      element.play().catch(() => undefined);
    });
  }, [stream, listening]);
  const sink = part.capture.sink.value;
  useEffect(() => {
    if (video.current !== null) void setSink(video.current, sink);
  }, [sink, stream]);
  const floor = hall.meeting.value?.floor ?? null;
  const floorSeat = floor === null ? undefined : hall.seat(floor)?.value;
  const presenting = hall.meeting.value?.presenting ?? null;
  const presenter = presenting === null ? undefined : hall.seat(presenting)?.value;
  const large = useSignal(false);
  return (
    <>
      <div class="picture" ref={box}>
        <video
          id="program"
          ref={video}
          class={presenting !== null && large.value ? "aside" : ""}
          autoplay
          playsInline
          muted
        />
        <Preview
          hall={hall}
          watch={watch}
          part={part}
          large={large.value}
          onSwap={() => (large.value = !large.peek())}
        />
        {(stream === null || state === "weak") && (
          <div class="picture-word pulse">
            {t(state === "weak" ? "link.media_weak" : "link.media_opening")}
          </div>
        )}
        <Button icon="full" class="enlarge" label={t("room.full")} onClick={() => toggleFull(box.current)} />
      </div>
      <div class="picture-foot">
        {floorSeat !== undefined && (
          <span class="pill floor-pill" id="floor-holder">
            {t("room.floor_of", { label: floorSeat.label })}
          </span>
        )}
        {presenter !== undefined && (
          <span class="pill" id="presenter">
            {t("present.of", { label: presenter.label })}
          </span>
        )}
        {hall.speakers.value.length > 0 && (
          <span class="pill">
            {t("room.speaking", {
              labels: hall.speakers.value
                .slice(0, 3)
                .map((one) => one.label)
                .join(", "),
            })}
          </span>
        )}
      </div>
    </>
  );
};

/** Grids of a fixed size: a room keeps its place, whoever comes and goes. */
const GridSize = ({ hall }: { hall: HallStore }): JSX.Element => {
  const current = hall.meeting.value?.layout ?? "";
  const misfits = hall.load.value?.misfits ?? [];
  const sized = (SIZED_GRIDS as readonly string[]).includes(current);
  return (
    <select
      id="grid-size"
      aria-label={t("chair.grid_size")}
      title={t("chair.grid_size")}
      class={sized ? "chosen" : ""}
      value={sized ? current : "grid"}
      onChange={(event) => {
        const select = event.currentTarget;
        void hall.do("layout", { layout: select.value }).then((done) => {
          if (!done) select.value = sized ? current : "grid"; // refused: the layout is as it was
        });
      }}
    >
      <option value="grid">{t("chair.grid_auto")}</option>
      {SIZED_GRIDS.map((grid) => (
        <option key={grid} value={grid}>
          {grid.replace("x", "×") + (misfits.includes(grid) ? " ⚠" : "")}
        </option>
      ))}
    </select>
  );
};

/** The program shows all rooms in turn: its places that nobody is pinned to change page by page. */
const ProgramTurn = ({ hall }: { hall: HallStore }): JSX.Element => {
  const turn = hall.meeting.value?.turn ?? null;
  return (
    <>
      <Button
        id="program-turn"
        icon="turn"
        label={t("turn.program")}
        pressed={turn !== null}
        onClick={() => void hall.do("turn", { view: "program", on: turn === null })}
      />
      {turn !== null && (
        <IntervalSelect
          id="program-every"
          every_ms={turn.every_ms}
          label={t("turn.every")}
          onChange={(seconds) => void hall.do("turn", { view: "program", every_s: seconds })}
        />
      )}
    </>
  );
};

const Layouts = ({ hall }: { hall: HallStore }): JSX.Element => {
  const current = hall.meeting.value?.layout;
  const misfits = hall.load.value?.misfits ?? [];
  return (
    <div class="layouts" role="group" aria-label={t("chair.layout")}>
      {LAYOUTS.map((layout) => {
        const words = t(`layout.${layout}`);
        const label = misfits.includes(layout) ? t("chair.misfit", { layout: words }) : words;
        return (
          <button
            key={layout}
            type="button"
            class={`button layout-button${misfits.includes(layout) ? " misfit" : ""}`}
            data-layout={layout}
            aria-pressed={layout === current}
            aria-label={label}
            title={label}
            onClick={() => void hall.do("layout", { layout })}
          >
            <LayoutIcon layout={layout} />
          </button>
        );
      })}
      <GridSize hall={hall} />
      <ProgramTurn hall={hall} />
    </div>
  );
};

const NoticeDialog = ({ hall, onClose }: { hall: HallStore; onClose: () => void }): JSX.Element => {
  const text = useSignal("");
  const send = (wanted: string): void => {
    void hall.do("notice", { text: wanted }).then((done) => {
      if (done) onClose();
    });
  };
  return (
    <Dialog title={t("notice.title")} onClose={onClose}>
      <input
        type="text"
        maxLength={300}
        autofocus
        value={text.value}
        aria-label={t("notice.title")}
        placeholder={t("notice.placeholder")}
        onInput={(event) => (text.value = event.currentTarget.value)}
      />
      <div class="row wrap">
        <Button kind="primary" disabled={text.value.trim() === ""} onClick={() => send(text.peek().trim())}>
          {t("notice.send")}
        </Button>
        <Button onClick={() => send("")}>{t("notice.clear")}</Button>
        <Button onClick={onClose}>{t("common.cancel")}</Button>
      </div>
    </Dialog>
  );
};

const Commands = ({ hall }: { hall: HallStore }): JSX.Element => {
  const meeting = hall.meeting.value;
  const noticing = useSignal(false);
  const floor = meeting?.floor ?? null;
  return (
    <div class="commands">
      <Button
        id="floor-take"
        kind={floor === null ? "plain" : "primary"}
        icon="hand"
        disabled={floor === null}
        onClick={() => void hall.do("floor.take", floor === null ? {} : { seat: floor })}
      >
        {t("chair.floor_take")}
      </Button>
      {meeting?.muted_all === true ? (
        <Button id="unmute-all" icon="mic" onClick={() => void hall.do("unmute.all.allow")}>
          {t("chair.unmute_all_allow")}
        </Button>
      ) : (
        <HoldButton id="mute-all" icon="micOff" onHeld={() => void hall.do("mute.all")}>
          {t("chair.mute_all")}
        </HoldButton>
      )}
      <Button onClick={() => (noticing.value = true)}>{t("chair.notice")}</Button>
      <HoldButton id="end" icon="end" onHeld={() => void hall.do("meeting.end")}>
        {t("chair.end")}
      </HoldButton>
      {noticing.value && <NoticeDialog hall={hall} onClose={() => (noticing.value = false)} />}
    </div>
  );
};

const UndoBar = ({ hall, undo }: { hall: HallStore; undo: Undo }): JSX.Element | null => {
  const left_ms = undo.until_ms - now.value;
  const seconds = Math.ceil(left_ms / 1000);
  const words = (left: number): string =>
    undo.what === "mute.all" ? t("undo.mute_all") : t("undo.end", { seconds: left });
  // Who listens to the page hears it once, not every second.
  const first = useMemo(() => seconds, [undo.what, undo.until_ms]);
  if (left_ms <= 0) return null;
  return (
    <div class="undo" id="undo-bar">
      <span class="visually-hidden" role="alert">
        {words(first)}
      </span>
      <span class="grow" aria-hidden="true">
        {words(seconds)}
      </span>
      <Button id="undo" icon="undo" label={t("undo.button")} onClick={() => void hall.do("undo")}>
        {t("undo.button")} ({seconds})
      </Button>
    </div>
  );
};

export const Console = ({
  hall,
  watch,
  part,
}: {
  hall: HallStore;
  watch: Watch;
  part: Part;
}): JSX.Element => {
  const undo = hall.meeting.value?.undo ?? null;
  const listening = watch.listening.value;
  return (
    <main class="console">
      <Header hall={hall} />
      <section class="left">
        <Picture hall={hall} watch={watch} part={part} />
        <div class="views">
          {VIEWS.map(({ view, key, icon }) => (
            <Button
              key={view}
              id={`view-${view}`}
              icon={icon}
              pressed={watch.view.value === view}
              onClick={() => watch.show(view)}
            >
              {t(key)}
            </Button>
          ))}
          <Button
            id="listen"
            icon={listening ? "speaker" : "speakerOff"}
            pressed={listening}
            onClick={() => (watch.listening.value = !listening)}
          >
            {listening ? t("chair.listening") : t("chair.listen")}
          </Button>
          {hall.role.value === "chair" && (
            <Button
              id="take-part"
              icon={part.on.value ? "camera" : "cameraOff"}
              pressed={part.on.value}
              disabled={part.starting.value}
              onClick={() => void (part.on.peek() ? part.stop() : part.start())}
            >
              {t(part.on.value ? "part.stop" : "part.start")}
            </Button>
          )}
        </div>
        <PartBar part={part} />
        {watch.view.value === "pages" && (
          <TurnBar hall={hall}>
            <a
              class="button"
              id="second-screen"
              href="/screen"
              target="diemcau-screen"
              aria-label={t("chair.screen")}
              title={t("chair.screen")}
            >
              <Icon name="screens" />
            </a>
          </TurnBar>
        )}
        <Layouts hall={hall} />
        <Commands hall={hall} />
      </section>
      <section class="right">
        <Hands hall={hall} />
        <Rooms hall={hall} />
      </section>
      {undo !== null && <UndoBar hall={hall} undo={undo} />}
    </main>
  );
};
