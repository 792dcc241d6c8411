// Tick lateness between two readings of /metrics: counts by steps, made into percentiles.
const STEPS = /^diemcau_bridge_(audio|studio_canvas)_lateness_us_(?:to_(\d+)|more) (\d+)/;

export function readLateness(text) {
  const seen = { audio: [], canvas: [] };
  for (const line of text.split("\n")) {
    const found = STEPS.exec(line);
    if (found) seen[found[1] === "audio" ? "audio" : "canvas"].push({ upTo_us: found[2] ? Number(found[2]) : Infinity, n: Number(found[3]) });
  }
  for (const steps of Object.values(seen)) steps.sort((a, b) => a.upTo_us - b.upTo_us);
  return seen;
}

// Within a step ticks are taken as spread evenly; beyond the last one its lower bound is told.
function at(steps, share) {
  const all = steps.reduce((sum, step) => sum + step.n, 0);
  if (all === 0) return null;
  let sum = 0, from_us = 0;
  for (const { upTo_us, n } of steps) {
    if (n > 0 && sum + n >= share * all) {
      const us = upTo_us === Infinity ? from_us : from_us + ((upTo_us - from_us) * (share * all - sum)) / n;
      return Math.round(us) / 1000;
    }
    sum += n;
    from_us = upTo_us;
  }
  return from_us / 1000;
}

/** The overload ladder: on which step it stands, and what it allows; null where the bridge told nothing yet. */
export function readLoad(text) {
  const load = {};
  for (const line of text.split("\n")) {
    const found = /^diemcau_bridge_load_(\w+)(?:\{why="(\w*)"\})? (\S+)/.exec(line);
    if (found) load[found[1]] = found[2] ?? Number(found[3]);
  }
  return Object.keys(load).length > 0 ? load : null;
}

/** {audio: {p50_ms, p95_ms, p99_ms, ticks}, canvas: ...} */
export function lateness(before, after) {
  return Object.fromEntries(Object.keys(after).map((what) => {
    const steps = after[what].map((step, i) => ({ ...step, n: step.n - (before[what][i]?.n ?? 0) }));
    return [what, { p50_ms: at(steps, 0.5), p95_ms: at(steps, 0.95), p99_ms: at(steps, 0.99), ticks: steps.reduce((sum, step) => sum + step.n, 0) }];
  }));
}
