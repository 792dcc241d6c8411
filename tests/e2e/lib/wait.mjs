// Waiting on conditions: a test never sleeps for a guess, it asks until the answer is right or the limit is over.

const EVERY_MS = 100;
const LIMIT_MS = 15_000;

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until `ask` returns something true; what it last returned or threw is told when the limit is over. */
export const until = async (what, ask, limit_ms = LIMIT_MS) => {
  const end = performance.now() + limit_ms;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const told = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`${what}: not within ${limit_ms / 1000} s; last: ${told}`);
    }
    await pause(EVERY_MS);
  }
};

/** Holds for a while: every look must be true. */
export const throughout = async (what, for_ms, ask) => {
  const end = performance.now() + for_ms;
  do {
    const seen = await ask();
    if (!seen) throw new Error(`${what}: no longer true (${JSON.stringify(seen)})`);
    await pause(EVERY_MS);
  } while (performance.now() < end);
};
