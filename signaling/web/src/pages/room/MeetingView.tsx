// In the meeting: the program fills the page, own picture small, four large buttons.
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { MutedTalk } from "../../core/talk";
import { t } from "../../i18n";
import { canPresent } from "../../media/screen";
import { Meter, setSink, wantsTouch } from "../../media/sound";
import { Icon } from "../../ui/icons";
import { Button, Clock, Dialog, MeterBar, Screen, toggleFull } from "../../ui/parts";
import { DeviceTrouble } from "./Devices";
import type { Room } from "./room";
import { LinkPill } from "./Status";

const SMALL_TRIES_MS = 1000;

/** Plays with sound; where the browser wants a touch first: picture at once, sound after the touch. */
const Program = ({ room, beside }: { room: Room; beside: boolean }): JSX.Element => {
  const video = useRef<HTMLVideoElement | null>(null);
  const stream = room.program.value;
  const sink = room.capture.sink.value;
  const play = async (): Promise<void> => {
    const element = video.current;
    if (element === null || element.srcObject === null) return;
    element.muted = false;
    try {
      await element.play();
      room.setDeaf(false);
    } catch (error) {
      if (!wantsTouch(error)) return;
      element.muted = true;
      room.setDeaf(true);
      await element.play().catch(() => undefined);
    }
  };
  useEffect(() => {
    if (video.current === null) return;
    video.current.srcObject = stream;
    void play();
  }, [stream]);
  useEffect(() => {
    if (video.current !== null) void setSink(video.current, sink);
  }, [sink, stream]);
  // A browser may stop an element by itself (another tab's call, a changed device): begin again.
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (video.current?.paused === true && stream !== null) void play();
    }, SMALL_TRIES_MS);
    return () => clearInterval(timer);
  }, [stream]);
  return (
    <>
      <video
        id="program"
        class={beside ? "side-picture" : "main-picture"}
        ref={(element) => {
          video.current = element;
        }}
        autoplay
        playsInline
      />
      {room.deaf.value && (
        <button id="touch-to-hear" type="button" class="touch-to-hear" onClick={() => void play()}>
          <Icon name="speaker" />
          <span>{t("room.touch_to_hear")}</span>
        </button>
      )}
    </>
  );
};

/** The screen that another room shows. It has no sound: that is in the program. */
const Slides = ({ room, beside }: { room: Room; beside: boolean }): JSX.Element => {
  const seen = useSignal(false);
  const stream = room.slides.value;
  const take = (video: HTMLVideoElement | null): void => {
    if (video !== null) video.onresize = () => (seen.value = video.videoWidth > 0);
  };
  return (
    <>
      <Screen id="slides" stream={stream} muted class={beside ? "side-picture" : "main-picture"} element={take} />
      {!seen.value && !beside && (
        <div class="stage-word main-picture pulse">
          {t("present.opening", { label: room.presenting.value?.label ?? "" })}
        </div>
      )}
    </>
  );
};

const PresentButton = ({ room }: { room: Room }): JSX.Element | null => {
  const { screening } = room;
  if (!canPresent()) return null;
  if (screening.on.value)
    return (
      <Button id="present" icon="program" kind="primary" pressed onClick={() => screening.stop()}>
        {t("present.stop")}
      </Button>
    );
  const may = room.state.value?.seat.may_present === true;
  return (
    <Button
      id="present"
      icon="program"
      disabled={!may || screening.asking.value}
      onClick={() => void screening.start()}
    >
      {may ? t("present.start") : <Two line={t("present.start")} hint={t("present.when_invited")} />}
    </Button>
  );
};

const Self = ({ room }: { room: Room }): JSX.Element => {
  const on = room.sending.cameraOn.value;
  const track = room.capture.video.track.value;
  const stream = useMemo(() => (track === null || !on ? null : new MediaStream([track])), [track, on]);
  return (
    <div class="self">
      {stream === null ? (
        <div class="no-picture">
          <Icon name="cameraOff" />
        </div>
      ) : (
        <Screen stream={stream} muted class="mirror" id="self" />
      )}
    </div>
  );
};

const Banners = ({ room, talking }: { room: Room; talking: boolean }): JSX.Element => {
  const state = room.state.value;
  const mine = state?.seat.floor === "given";
  return (
    <div class="banners" aria-live="polite">
      {mine && room.chimed.value && <div class="banner floor pulse">{t("room.floor_yours")}</div>}
      {state?.notice && <div class="banner notice-banner">{state.notice}</div>}
      {talking && (
        <div class="banner warn" id="muted-talk">
          {t(state?.seat.microphone === "held-off" ? "room.muted_talk_held" : "room.muted_talk")}
        </div>
      )}
      <DeviceTrouble capture={room.capture} kind="audio" />
      {room.sending.cameraWanted.value && <DeviceTrouble capture={room.capture} kind="video" />}
    </div>
  );
};

/** How it is, and what a press does. */
const Two = ({ line, hint }: { line: string; hint: string }): JSX.Element => (
  <>
    {line}
    <span class="hint">{hint}</span>
  </>
);

const MicrophoneButton = ({ room }: { room: Room }): JSX.Element => {
  const on = room.sending.microphoneOn.value;
  const held = room.state.value?.seat.microphone === "held-off";
  const missing = room.capture.audio.track.value === null;
  return (
    <Button
      id="microphone"
      icon={on ? "mic" : "micOff"}
      class={on ? "on" : "off"}
      disabled={missing}
      pressed={on}
      onClick={() => room.sending.toggleMicrophone()}
    >
      {missing ? (
        t("room.no_microphone")
      ) : on ? (
        <Two line={t("room.microphone_on")} hint={t("room.press_off")} />
      ) : (
        <Two line={t("room.microphone_off")} hint={t(held ? "room.held" : "room.press_on")} />
      )}
    </Button>
  );
};

const HandButton = ({ room }: { room: Room }): JSX.Element => {
  const seat = room.state.value?.seat;
  if (seat?.floor === "given") {
    return (
      <Button id="hand" kind="primary" icon="hand" onClick={() => void room.giveBackFloor()}>
        {t("room.floor_back")}
      </Button>
    );
  }
  const asked = seat?.floor === "asked";
  return (
    <Button
      id="hand"
      kind={asked ? "plain" : "primary"}
      icon="hand"
      pressed={asked}
      disabled={seat === undefined}
      onClick={() => void room.hand(!asked)}
    >
      {asked ? (
        <Two line={t("room.hand_place", { place: seat.hand_place ?? 1 })} hint={t("room.hand_cancel")} />
      ) : (
        t("room.hand")
      )}
    </Button>
  );
};

const Bar = ({ room, onLeave }: { room: Room; onLeave: () => void }): JSX.Element => {
  const camera = room.sending.cameraOn.value;
  return (
    <footer class="bar">
      <MicrophoneButton room={room} />
      <Button
        id="camera"
        icon={camera ? "camera" : "cameraOff"}
        class={camera ? "on" : "off"}
        pressed={camera}
        disabled={room.capture.video.track.value === null}
        onClick={() => room.sending.toggleCamera()}
      >
        {room.capture.video.track.value === null ? (
          t("room.no_camera")
        ) : camera ? (
          <Two line={t("room.camera_on")} hint={t("room.press_off")} />
        ) : (
          <Two line={t("room.camera_off")} hint={t("room.press_on")} />
        )}
      </Button>
      <HandButton room={room} />
      <PresentButton room={room} />
      <Button
        icon="full"
        class="side"
        label={t("room.full")}
        onClick={() => toggleFull(document.documentElement)}
      />
      <Button id="leave" icon="leave" class="side" label={t("room.leave")} onClick={onLeave} />
    </footer>
  );
};

const Top = ({ room }: { room: Room }): JSX.Element => {
  const me = room.me.value?.id;
  const floor = room.state.value?.floor;
  const mine = room.state.value?.seat.floor === "given";
  const presenting = room.presenting.value;
  const both = presenting !== null && floor?.seat === presenting.seat;
  const others = room.speaking.value.filter((one) => one.seat !== me).map((one) => one.label);
  return (
    <header class="top">
      <strong class="cut">{room.me.value?.label}</strong>
      {mine ? (
        <span class="pill floor-pill" id="floor-banner">
          {t("room.floor_mine")}
        </span>
      ) : (
        floor && !both && <span class="pill cut">{t("room.floor_of", { label: floor.label })}</span>
      )}
      {presenting !== null && (
        <span class="pill cut" id="presenting">
          {presenting.seat === me
            ? t("present.mine")
            : t(both ? "present.of_speaker" : "present.of", { label: presenting.label })}
        </span>
      )}
      <span class="soft cut grow">
        {others.length > 0
          ? t("room.speaking", { labels: others.slice(0, 3).join(", ") })
          : room.state.value?.meeting.title}
      </span>
      <LinkPill room={room} />
      <Clock />
    </header>
  );
};

export const MeetingView = ({ room }: { room: Room }): JSX.Element => {
  const leaving = useSignal(false);
  const small = useSignal(false);
  const talking = useSignal(false);
  const swapped = useSignal(false);
  const talk = useMemo(() => new MutedTalk(), []);
  const meter = useMemo(
    () =>
      new Meter(
        (level) => (talking.value = talk.step(level, !room.sending.microphoneOn.peek(), performance.now())),
      ),
    [],
  );
  const track = useComputed(() => room.capture.audio.track.value);
  const presenting = room.presenting.value;
  const slides = presenting !== null && presenting.seat !== room.me.value?.id;
  useEffect(() => {
    // Every presentation begins large.
    swapped.value = false;
  }, [presenting?.seat]);
  useEffect(() => {
    meter.watch(track.value);
    return () => meter.stop();
  }, [track.value]);
  return (
    <main class="meeting">
      <Top room={room} />
      <div class={`stage${slides ? " with-slides" : ""}`}>
        <Program room={room} beside={slides && !swapped.value} />
        {slides && <Slides room={room} beside={swapped.value} />}
        {slides && (
          <button
            id="swap"
            type="button"
            class="side-picture swap"
            aria-label={t("present.swap")}
            title={t("present.swap")}
            onClick={() => (swapped.value = !swapped.peek())}
          />
        )}
        {room.program.value === null && (
          <div class="stage-word pulse">
            {t(room.legState.value === "weak" ? "link.media_weak" : "link.media_opening")}
          </div>
        )}
        <Banners room={room} talking={talking.value} />
        <button
          type="button"
          class={`corner${small.value ? " small" : ""}`}
          aria-label={t("room.own_picture")}
          aria-expanded={!small.value}
          title={t("room.own_picture")}
          onClick={() => (small.value = !small.value)}
        >
          <Self room={room} />
          <MeterBar level={meter.level_dbfs} />
        </button>
      </div>
      <Bar room={room} onLeave={() => (leaving.value = true)} />
      {leaving.value && (
        <Dialog title={t("leave.title")} onClose={() => (leaving.value = false)}>
          <p>{t("leave.text")}</p>
          <div class="row wrap">
            <Button id="leave-yes" kind="danger" icon="leave" onClick={() => room.leave()}>
              {t("leave.yes")}
            </Button>
            <Button onClick={() => (leaving.value = false)}>{t("leave.no")}</Button>
          </div>
        </Dialog>
      )}
    </main>
  );
};
