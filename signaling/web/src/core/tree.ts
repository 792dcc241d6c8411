// The roster as a tree of districts.
import { fold, matches } from "./fold";
import type { SeatId } from "./protocol";

export interface Leaf {
  id: SeatId;
  code: string;
  name: string;
  label: string;
  district: string;
}

export interface Branch<T extends Leaf> {
  key: string;
  title: string;
  seats: T[];
}

/** Branches and seats in the order of the roster: officials have an order of their own, and it is not the alphabet. */
export const branches = <T extends Leaf>(seats: Iterable<T>): Branch<T>[] => {
  const found = new Map<string, T[]>();
  for (const seat of seats) {
    const rows = found.get(seat.district);
    if (rows === undefined) found.set(seat.district, [seat]);
    else rows.push(seat);
  }
  return [...found.entries()].map(([district, rows]) => ({ key: district, title: district, seats: rows }));
};

/** What a search looks at: the name with type and district, and the code. */
export const searchText = (seat: Leaf): string =>
  fold(`${seat.label} ${seat.name} ${seat.district} ${seat.code}`);

/** Only what matches; a district whose own name matches is kept whole. */
export const filterBranches = <T extends Leaf>(all: readonly Branch<T>[], query: string): Branch<T>[] => {
  if (fold(query) === "") return [...all];
  return all
    .map((branch) => ({ ...branch, seats: branch.seats.filter((seat) => matches(searchText(seat), query)) }))
    .filter((branch) => branch.seats.length > 0);
};
