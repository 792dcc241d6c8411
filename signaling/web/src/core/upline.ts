// Whether the way up has room for the voice and the small picture alone. Pure: a table can test it.
//
// Chromium that sends two sizes pads the smaller one with resends, up to what the larger one would need, to find out whether there is
// room. On a line of 50 kbit/s that is a third of all that leaves; the line is full for good, and the voice waits and is lost.
import type { Need } from "./protocol";

const NARROW_BPS = 120_000;
const WIDE_BPS = 200_000;
const WAITS_MS = 150;
const LOSSY = 0.03;
/** One that is wide, or says nothing of its width, is tried again after this long without trouble; each time in vain, twice that. */
const AGAIN_MS = 30_000;
const AGAIN_MS_MAX = 240_000;
const TRIAL_MS = 20_000;

export class UpLine {
  private narrow = false;
  private calm_since_ms: number | null = null;
  private widened_ms = -Infinity;
  private again_ms = AGAIN_MS;

  /** bps: what the browser believes of it, null: it does not say. waits_ms, loss: as for copies. */
  isNarrow(bps: number | null, waits_ms: number, loss: number | null, now_ms: number): boolean {
    const trouble = waits_ms > WAITS_MS || (loss ?? 0) >= LOSSY;
    const small = bps !== null && bps < NARROW_BPS;
    if (!this.narrow) {
      if (now_ms - this.widened_ms >= TRIAL_MS && !trouble) this.again_ms = AGAIN_MS;
      if (trouble && small) this.close(now_ms);
      return this.narrow;
    }
    if (trouble || small) this.calm_since_ms = null;
    else this.calm_since_ms ??= now_ms;
    const wide = bps !== null && bps >= WIDE_BPS;
    const calm_ms = this.calm_since_ms === null ? 0 : now_ms - this.calm_since_ms;
    if (calm_ms >= (wide ? AGAIN_MS / 3 : this.again_ms)) {
      this.narrow = false;
      this.widened_ms = now_ms;
    }
    return this.narrow;
  }

  private close(now_ms: number): void {
    if (now_ms - this.widened_ms < TRIAL_MS) this.again_ms = Math.min(this.again_ms * 2, AGAIN_MS_MAX);
    this.narrow = true;
    this.calm_since_ms = null;
  }
}

/** On a narrow line the smallest of the wanted sizes alone. Needs come with the smallest first. */
export const needsWithin = (needs: readonly Need[], narrow: boolean): readonly Need[] => {
  const least = needs.findIndex((need) => need.active);
  return narrow ? needs.map((need, i) => (i > least ? { ...need, active: false } : need)) : needs;
};
