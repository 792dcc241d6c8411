// The pages in turn, as whoever watches them leads them: which one, how long still, hold, step, how many, how fast.
import type { ComponentChildren, JSX } from "preact";
import { pageCount, pageOf, secondsLeft, stepBack } from "../core/turn";
import { t } from "../i18n";
import type { HallStore } from "../net/hall";
import { nowExact } from "./clock";
import { Button } from "./parts";

const SIDES = [2, 3, 4, 5, 6, 7] as const;
export const INTERVALS = [5, 10, 15, 20, 30, 60, 120] as const;

/** Who has a turn: all who are here, and those whose line is just broken. */
const rooms = (hall: HallStore): number => hall.counts.value.all - hall.counts.value.absent;

export const PageNumber = ({ hall }: { hall: HallStore }): JSX.Element | null => {
  const pages = hall.meeting.value?.pages;
  if (pages === undefined) return null;
  const side = pages.side ?? 4;
  const values = {
    page: pageOf(pages, rooms(hall), side, nowExact()),
    pages: pageCount(rooms(hall), side),
  };
  return (
    <span class="pill" id="page-number" data-page={values.page} data-pages={values.pages}>
      {t("turn.page", values)}
    </span>
  );
};

/** A list of intervals with the one that is set, should it be another. */
export const IntervalSelect = (props: {
  id: string;
  every_ms: number;
  label: string;
  onChange: (seconds: number) => void;
}): JSX.Element => {
  const set = Math.round(props.every_ms / 1000);
  const all = [...new Set<number>([...INTERVALS, set])].sort((a, b) => a - b);
  return (
    <select
      id={props.id}
      aria-label={props.label}
      title={props.label}
      value={String(set)}
      onChange={(event) => props.onChange(Number(event.currentTarget.value))}
    >
      {all.map((seconds) => (
        <option key={seconds} value={String(seconds)}>
          {t("turn.seconds", { seconds })}
        </option>
      ))}
    </select>
  );
};

export const TurnBar = ({
  hall,
  children,
}: {
  hall: HallStore;
  children?: ComponentChildren;
}): JSX.Element | null => {
  const pages = hall.meeting.value?.pages;
  if (pages === undefined) return null;
  const side = pages.side ?? 4;
  const held = pages.held !== undefined;
  const left = secondsLeft(pages, nowExact());
  const turn = (fields: Record<string, unknown>): void => void hall.do("turn", { view: "pages", ...fields });
  return (
    <div class="row turn-bar" role="group" aria-label={t("chair.pages")}>
      <Button
        id="page-back"
        icon="left"
        label={t("turn.back")}
        onClick={() => turn({ step: stepBack(pages, rooms(hall), side, nowExact()) })}
      />
      <Button
        id="page-hold"
        icon={held ? "play" : "hold"}
        pressed={held}
        label={t(held ? "turn.go_on" : "turn.hold")}
        onClick={() => turn({ hold: !held })}
      />
      <Button id="page-next" icon="right" label={t("turn.next")} onClick={() => turn({ step: 1 })} />
      <PageNumber hall={hall} />
      <span class="soft turn-left">{left === null ? t("turn.held") : t("turn.left", { seconds: left })}</span>
      <span class="grow" />
      <select
        id="page-side"
        aria-label={t("turn.side")}
        title={t("turn.side")}
        value={String(side)}
        onChange={(event) => turn({ side: Number(event.currentTarget.value) })}
      >
        {SIDES.map((one) => (
          <option key={one} value={String(one)}>
            {t("turn.tiles", { tiles: one * one })}
          </option>
        ))}
      </select>
      <IntervalSelect
        id="page-every"
        every_ms={pages.every_ms}
        label={t("turn.every")}
        onChange={(seconds) => turn({ every_s: seconds })}
      />
      {children}
    </div>
  );
};
