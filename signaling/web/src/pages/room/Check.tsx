// Before the meeting: is the room seen, is it heard, does it hear. One large button ends it.
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { t } from "../../i18n";
import { Meter, canChooseSpeaker, testTone } from "../../media/sound";
import { Icon } from "../../ui/icons";
import { Button, Clock, LanguageButton, MeterBar, Screen } from "../../ui/parts";
import { complain } from "../../ui/toasts";
import { Chooser, DeviceTrouble } from "./Devices";
import type { Room } from "./room";

const CameraCheck = ({ room }: { room: Room }): JSX.Element => {
  const camera = room.capture.video;
  const stream = useComputed(() =>
    camera.track.value === null ? null : new MediaStream([camera.track.value]),
  );
  return (
    <section class="check-camera">
      <div class="preview">
        {stream.value === null ? (
          <div class="no-picture">
            <Icon name="cameraOff" />
            <span>{camera.asking.value ? t("check.allow") : t("check.no_camera")}</span>
          </div>
        ) : (
          <Screen stream={stream.value} muted class="mirror" id="preview" />
        )}
      </div>
      <DeviceTrouble capture={room.capture} kind="video" />
      <Chooser
        label={t("device.camera")}
        choices={camera.choices.value}
        chosen={camera.track.value?.getSettings().deviceId ?? ""}
        onChoose={(id) => void room.capture.choose("video", id)}
      />
    </section>
  );
};

const MicrophoneCheck = ({ room }: { room: Room }): JSX.Element => {
  const microphone = room.capture.audio;
  const meter = useMemo(() => new Meter(), []);
  const track = microphone.track.value;
  useEffect(() => {
    meter.watch(track);
    return () => meter.stop();
  }, [track]);
  return (
    <section class="check-item">
      <h2 class="row">
        <Icon name={track === null ? "micOff" : "mic"} />
        {t("check.microphone")}
      </h2>
      {track !== null && (
        <>
          <MeterBar level={meter.level_dbfs} />
          <p class="soft small">{t("check.speak")}</p>
        </>
      )}
      <DeviceTrouble capture={room.capture} kind="audio" />
      <Chooser
        label={t("device.microphone")}
        choices={microphone.choices.value}
        chosen={track?.getSettings().deviceId ?? ""}
        onChoose={(id) => void room.capture.choose("audio", id)}
      />
    </section>
  );
};

const SpeakerCheck = ({ room }: { room: Room }): JSX.Element => {
  const playing = useSignal(false);
  const play = (): void => {
    playing.value = true;
    testTone(room.capture.speaker.peek())
      .catch(complain)
      .finally(() => (playing.value = false));
  };
  return (
    <section class="check-item">
      <div class="row">
        <h2 class="row grow">
          <Icon name="speaker" />
          {t("check.speaker")}
        </h2>
        <Button id="tone" disabled={playing.value} onClick={play}>
          {playing.value ? t("check.playing") : t("check.play")}
        </Button>
      </div>
      {canChooseSpeaker() && (
        <Chooser
          label={t("device.speaker")}
          choices={room.capture.speakers.value}
          chosen={room.capture.speaker.value}
          onChoose={(id) => room.capture.chooseSpeaker(id)}
        />
      )}
    </section>
  );
};

export const Check = ({ room, onBack }: { room: Room; onBack?: () => void }): JSX.Element => {
  const open = room.open.value;
  const [first] = open;
  const title =
    open.length > 1
      ? t("check.several")
      : first !== undefined
        ? t("check.open", { title: first.title })
        : t("check.none_open");
  return (
    <main class="check">
      <header class="row check-head">
        <div class="grow">
          <h1 class="cut">{room.me.value?.label}</h1>
          <p class="soft cut">{title}</p>
        </div>
        <LanguageButton />
        <Clock />
      </header>
      <div class="check-body">
        <CameraCheck room={room} />
        <div class="check-side">
          <MicrophoneCheck room={room} />
          <SpeakerCheck room={room} />
          <Button
            id="join"
            kind="primary"
            big
            disabled={room.joining.value}
            onClick={() => (onBack === undefined ? room.go() : onBack())}
          >
            {onBack !== undefined
              ? t("common.done")
              : first === undefined
                ? t("check.ready")
                : t("check.join")}
          </Button>
        </div>
      </div>
    </main>
  );
};
