// The state of a meeting as a console holds it: a snapshot, then numbered deltas. Pure; signals are the caller's.
import type { Delta, MeetingInfo, MeetingRow, Seat, SeatId, Snapshot } from "./protocol";

export interface Hall {
  n: number;
  meeting: MeetingInfo;
  seats: Map<SeatId, Seat>;
  meetings: MeetingRow[];
}

export const hallOf = (snapshot: Snapshot): Hall => ({
  n: snapshot.n,
  meeting: snapshot.meeting,
  seats: new Map(snapshot.seats.map((seat) => [seat.id, seat])),
  meetings: snapshot.meetings ?? [],
});

export interface Applied {
  hall: Hall;
  /** Seats that look different now. */
  changed: SeatId[];
  /** The set of seats itself changed. */
  membership: boolean;
}

/** null: a delta is missing (or is of the future of another snapshot): ask for a new snapshot. Old ones change nothing. */
export const applyDelta = (hall: Hall, delta: Delta): Applied | null => {
  if (delta.n <= hall.n) return { hall, changed: [], membership: false };
  if (delta.n !== hall.n + 1) return null;
  const changed: SeatId[] = [];
  let membership = false;
  for (const piece of delta.seats ?? []) {
    const before = hall.seats.get(piece.id);
    if (piece.gone === true) {
      membership = hall.seats.delete(piece.id) || membership;
      continue;
    }
    if (before === undefined) {
      // A seat that the snapshot did not have is whole; a piece of an unknown seat is a gap.
      if (piece.label === undefined || piece.state === undefined) return null;
      membership = true;
    }
    hall.seats.set(piece.id, { ...(before ?? emptySeat(piece.id)), ...piece });
    changed.push(piece.id);
  }
  const meeting = delta.meeting ? { ...hall.meeting, ...delta.meeting } : hall.meeting;
  const next: Hall = { n: delta.n, meeting, seats: hall.seats, meetings: delta.meetings ?? hall.meetings };
  return { hall: next, changed, membership };
};

export const emptySeat = (id: SeatId): Seat => ({
  id,
  code: "",
  name: "",
  label: "",
  type: "",
  district: "",
  group: "",
  state: "absent",
  microphone: "off",
  camera: false,
  floor: "none",
  deaf: false,
  since_ms: 0,
  console: false,
});

export interface Counts {
  all: number;
  present: number;
  absent: number;
  lost: number;
  hands: number;
  deaf: number;
}

export const countSeats = (seats: Iterable<Seat>): Counts => {
  const counts: Counts = { all: 0, present: 0, absent: 0, lost: 0, hands: 0, deaf: 0 };
  for (const seat of seats) {
    counts.all++;
    if (seat.state === "present") counts.present++;
    else if (seat.state === "lost") counts.lost++;
    else counts.absent++;
    if (seat.floor === "asked") counts.hands++;
    if (seat.deaf && seat.state === "present") counts.deaf++;
  }
  return counts;
};

/** Those who asked, in the order of asking. */
export const handsQueue = (seats: Iterable<Seat>): Seat[] =>
  [...seats]
    .filter((seat) => seat.floor === "asked")
    .sort(
      (a, b) => (a.hand_place ?? 1e9) - (b.hand_place ?? 1e9) || (a.hand_at_ms ?? 0) - (b.hand_at_ms ?? 0),
    );
