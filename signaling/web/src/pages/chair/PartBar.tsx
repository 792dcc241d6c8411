// The few buttons of a console that takes part: its microphone, its camera, its own small picture.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { t } from "../../i18n";
import { canPresent } from "../../media/screen";
import { Button, Screen } from "../../ui/parts";
import { DeviceTrouble } from "../room/Devices";
import type { Part } from "./part";

export const PartBar = ({ part }: { part: Part }): JSX.Element | null => {
  const { sending, capture, screening } = part;
  const presents = screening.on.value;
  const microphone = sending.microphoneOn.value;
  const camera = sending.cameraOn.value;
  const track = capture.video.track.value;
  const missing = capture.audio.track.value === null;
  const stream = useMemo(
    () => (track === null || !camera ? null : new MediaStream([track])),
    [track, camera],
  );
  if (!part.on.value) return null;
  return (
    <div class="part-bar" id="part-bar">
      <div class="part-self">{stream !== null && <Screen stream={stream} muted class="mirror" />}</div>
      <Button
        id="part-microphone"
        icon={microphone ? "mic" : "micOff"}
        pressed={microphone}
        disabled={missing}
        onClick={() => sending.toggleMicrophone()}
      >
        {t(missing ? "room.no_microphone" : microphone ? "room.microphone_on" : "room.microphone_off")}
      </Button>
      <Button
        id="part-camera"
        icon={camera ? "camera" : "cameraOff"}
        pressed={camera}
        disabled={track === null}
        onClick={() => sending.toggleCamera()}
      >
        {t(track === null ? "room.no_camera" : camera ? "room.camera_on" : "room.camera_off")}
      </Button>
      {canPresent() && (
        <Button
          id="part-present"
          icon="program"
          pressed={presents}
          disabled={screening.asking.value}
          onClick={() => (presents ? screening.stop() : void screening.start())}
        >
          {t(presents ? "present.stop" : "present.start")}
        </Button>
      )}
      <DeviceTrouble capture={capture} kind="audio" />
      <DeviceTrouble capture={capture} kind="video" />
    </div>
  );
};
