// Whether the microphone's packets carry copies of those before them (RED, RFC 2198). Pure: a table can test it.

const LOSSY = 0.03;
const CLEAN = 0.01;
/** A line that was bad is believed to be good after this long. */
const CLEAN_FOR_MS = 20_000;
/**
 * Copies double the voice: a line that loses packets because it is narrow then loses more of them. That shows within
 * this time (the browser's own estimate does not help: it falls with any loss); they are not tried again for a while.
 */
const TRIAL_MS = 10_000;
const WORSE = 1.4;
const WORSE_BY = 0.05;
const PAUSE_MS = 60_000;
/** Round trips that much above the shortest: what is lost then is lost for want of room, and copies would feed the queue. */
const QUEUE_MS = 150;
const QUEUED_FOR_MS = 10_000;

export class Copies {
  private on = false;
  private clean_since_ms: number | null = null;
  private trial: { began_ms: number; loss: number } | null = null;
  private paused_until_ms = -Infinity;

  /**
   * loss: share of our voice's packets that was lost of late, null: not told. waits_ms: how much longer a round trip is
   * than the shortest was.
   */
  wanted(loss: number | null, waits_ms: number, now_ms: number): boolean {
    if (waits_ms > QUEUE_MS) {
      this.on = false;
      this.trial = null;
      this.paused_until_ms = Math.max(this.paused_until_ms, now_ms + QUEUED_FOR_MS);
    }
    if (loss === null) return this.on;
    if (loss >= CLEAN) this.clean_since_ms = null;
    else this.clean_since_ms ??= now_ms;
    if (this.on) this.judge(loss, now_ms);
    else if (loss >= LOSSY && now_ms >= this.paused_until_ms) {
      this.on = true;
      this.trial = { began_ms: now_ms, loss };
    }
    return this.on;
  }

  private judge(loss: number, now_ms: number): void {
    if (this.clean_since_ms !== null && now_ms - this.clean_since_ms >= CLEAN_FOR_MS) this.on = false;
    if (this.trial === null || now_ms - this.trial.began_ms < TRIAL_MS) return;
    if (loss > this.trial.loss * WORSE + WORSE_BY) {
      this.on = false;
      this.paused_until_ms = now_ms + PAUSE_MS;
    }
    this.trial = null;
  }
}

/**
 * The same offer with RED before the codec that it repeats, or behind it: a browser sends what stands first. An offer
 * without RED stays as it is. Only the audio section's m= line is touched.
 */
export const preferCopies = (offer: string, on: boolean): string => {
  const red = /^a=rtpmap:(\d+) red\/48000\/2\r?$/m.exec(offer)?.[1];
  if (red === undefined) return offer;
  return offer.replace(/^(m=audio \S+ \S+) ([\d ]+?)(\r?)$/m, (_all, head: string, list: string, end: string) => {
    const others = list.split(" ").filter((type) => type !== red);
    const order = on ? [red, ...others] : [...others.slice(0, 1), red, ...others.slice(1)];
    return `${head} ${order.join(" ")}${end}`;
  });
};
