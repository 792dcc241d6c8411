// One device: how it is, what to do when it is not well, which one to take.
import type { JSX } from "preact";
import type { Trouble } from "../../core/trouble";
import { type Key, t } from "../../i18n";
import type { Capture, Choice, Kind } from "../../media/capture";
import { Button } from "../../ui/parts";

const SENTENCES: Record<Kind, Record<Trouble, Key>> = {
  video: {
    missing: "camera.missing",
    refused: "camera.refused",
    busy: "camera.busy",
    unplugged: "camera.unplugged",
    insecure: "camera.insecure",
    unknown: "camera.unknown",
  },
  audio: {
    missing: "microphone.missing",
    refused: "microphone.refused",
    busy: "microphone.busy",
    unplugged: "microphone.unplugged",
    insecure: "microphone.insecure",
    unknown: "microphone.unknown",
  },
};

export const troubleSentence = (kind: Kind, trouble: Trouble): string => t(SENTENCES[kind][trouble]);

export const Chooser = (props: {
  label: string;
  choices: Choice[];
  chosen: string;
  onChoose: (id: string) => void;
}): JSX.Element | null => {
  const [first] = props.choices;
  if (first === undefined || props.choices.length < 2) return null;
  const chosen = props.choices.some((choice) => choice.id === props.chosen) ? props.chosen : first.id;
  return (
    <select
      aria-label={props.label}
      title={props.label}
      value={chosen}
      onChange={(event) => props.onChoose(event.currentTarget.value)}
    >
      {props.choices.map((choice, index) => (
        <option key={choice.id} value={choice.id}>
          {choice.label || `${props.label} ${index + 1}`}
        </option>
      ))}
    </select>
  );
};

export const DeviceTrouble = ({ capture, kind }: { capture: Capture; kind: Kind }): JSX.Element | null => {
  const device = capture.device(kind);
  const trouble = device.trouble.value;
  if (device.track.value !== null || trouble === null) return null;
  return (
    <div class="notice row wrap" role="alert" data-trouble={`${kind}-${trouble}`}>
      <span class="grow">{troubleSentence(kind, trouble)}</span>
      {trouble !== "insecure" && (
        <Button disabled={device.asking.value} onClick={() => void capture.again()}>
          {t("common.again")}
        </Button>
      )}
    </div>
  );
};
