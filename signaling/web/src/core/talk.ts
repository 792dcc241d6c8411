// "You speak but your microphone is off": 400 ms of voice within the last second, told for four seconds.

const VOICE_DBFS = -42;
const NEEDED_MS = 400;
const WINDOW_MS = 1000;
const SHOWN_MS = 4000;

export class MutedTalk {
  private voiced: { at: number; span: number }[] = [];
  private until_ms = 0;
  private last_ms: number | null = null;

  /** level in dBFS, now in ms; true while the hint should be seen. */
  step(level_dbfs: number, muted: boolean, now_ms: number): boolean {
    const span = this.last_ms === null ? 0 : Math.min(100, now_ms - this.last_ms);
    this.last_ms = now_ms;
    if (!muted) {
      this.voiced = [];
      this.until_ms = 0;
      return false;
    }
    if (level_dbfs > VOICE_DBFS) this.voiced.push({ at: now_ms, span });
    this.voiced = this.voiced.filter((piece) => piece.at > now_ms - WINDOW_MS);
    if (this.voiced.reduce((sum, piece) => sum + piece.span, 0) >= NEEDED_MS)
      this.until_ms = now_ms + SHOWN_MS;
    return now_ms < this.until_ms;
  }
}

/** A level of -60..0 dBFS as a share of the meter. */
export const meterShare = (level_dbfs: number): number => Math.min(1, Math.max(0, (level_dbfs + 60) / 60));

export const dbfs = (rms: number): number => (rms <= 1e-6 ? -120 : 20 * Math.log10(rms));
