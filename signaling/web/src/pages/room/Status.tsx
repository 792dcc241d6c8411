// How the line is, in words.
import type { JSX } from "preact";
import { type Key, t } from "../../i18n";
import type { Room } from "./room";

interface State {
  colour: "ok" | "warn" | "bad";
  key: Key;
}

const stateOf = (room: Room): State => {
  const link = room.linkState.value;
  const leg = room.legState.value;
  const inMeeting = room.phase.value === "in";
  if (link === "connecting") return { colour: "warn", key: "link.connecting" };
  if (link !== "open")
    return {
      colour: inMeeting && leg === "up" ? "warn" : "bad",
      key: inMeeting && leg === "up" ? "link.lost_media_up" : "link.lost",
    };
  if (!inMeeting) return { colour: "ok", key: "link.ready" };
  if (leg === "up") return { colour: "ok", key: "link.up" };
  if (leg === "weak") return { colour: "bad", key: "link.media_weak" };
  return { colour: "warn", key: "link.media_opening" };
};

export const LinkPill = ({ room }: { room: Room }): JSX.Element => {
  const state = stateOf(room);
  return (
    <span class="pill" id="connection" data-state={state.key} role="status">
      <span class={`dot ${state.colour}`} />
      {t(state.key)}
    </span>
  );
};
