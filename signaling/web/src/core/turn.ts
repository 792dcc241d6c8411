// Pages that follow each other by the clock, as config/turn.c has them: start, interval and now say which one is shown.

export interface Turn {
  start_ms: number;
  every_ms: number;
  /** The turn that is held; absent: it goes on. */
  held?: number;
  /** Tiles a side, of the view `pages`. */
  side?: number;
}

export const turnNumber = (turn: Turn, now_ms: number): number => {
  if (turn.held !== undefined) return turn.held;
  if (turn.every_ms <= 0 || now_ms <= turn.start_ms) return 0;
  return Math.floor((now_ms - turn.start_ms) / turn.every_ms);
};

/** Seconds until the next page; null while it is held. */
export const secondsLeft = (turn: Turn, now_ms: number): number | null => {
  if (turn.held !== undefined || turn.every_ms <= 0) return null;
  const next_ms = turn.start_ms + (turnNumber(turn, now_ms) + 1) * turn.every_ms;
  return Math.max(1, Math.ceil((next_ms - now_ms) / 1000));
};

export const pageCount = (rooms: number, side: number): number =>
  Math.max(1, Math.ceil(rooms / (side * side)));

/** From 1, as people count. */
export const pageOf = (turn: Turn, rooms: number, side: number, now_ms: number): number =>
  (turnNumber(turn, now_ms) % pageCount(rooms, side)) + 1;

/** Steps that lead one page back: the pages are a circle, and turns begin at 0. */
export const stepBack = (turn: Turn, rooms: number, side: number, now_ms: number): number =>
  turnNumber(turn, now_ms) > 0 ? -1 : pageCount(rooms, side) - 1;
