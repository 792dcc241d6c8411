// When to knock again after the line to the server was lost: 0.2, 0.5, 1, then every 2 s, each spread by up to a
// quarter, so that 200 rooms that lost the same server do not return in one instant.

const STEPS_MS = [200, 500, 1000, 2000] as const;
const SPREAD = 0.25;

/** attempt counts from 0; random is in [0, 1). */
export const reconnectDelay = (attempt: number, random: number): number => {
  const step = STEPS_MS[Math.min(Math.max(attempt, 0), STEPS_MS.length - 1)] ?? 2000;
  return Math.round(step * (1 - SPREAD + 2 * SPREAD * random));
};
