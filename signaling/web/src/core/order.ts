// Rows keep their place under the finger: while a pointer is on a list, nobody moves, nobody goes, newcomers stand at the end.
import type { SeatId } from "./protocol";

/** shown: what is on the screen; wanted: what should be. While held, rows on the screen stay where they are, new ones follow. */
export const settle = (
  shown: readonly SeatId[],
  wanted: readonly SeatId[],
  held: boolean,
): readonly SeatId[] => {
  if (!held || shown.length === 0) return sameOrder(shown, wanted) ? shown : wanted;
  const newcomers = wanted.filter((id) => !shown.includes(id));
  return newcomers.length === 0 ? shown : [...shown, ...newcomers];
};

export const sameOrder = (a: readonly SeatId[], b: readonly SeatId[]): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i]);
