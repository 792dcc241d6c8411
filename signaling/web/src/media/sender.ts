// What one section of the connection sends: its track and its encodings, brought to what is wanted now.
import type { Encoding, Picture } from "../core/needs";

export type ActiveEncoding = RTCRtpEncodingParameters & Encoding;

/** null for encodings: they are not ours to set, or not yet. */
export interface Wish {
  track: MediaStreamTrack | null;
  encodings: ((current: ActiveEncoding[], source: Picture | null) => ActiveEncoding[]) | null;
}

const TRIES_MAX = 4;
const AGAIN_MS = 200;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/**
 * One change at a time, because of two that overlap Chromium refuses the newer one, and a screen that was shown again soon
 * after it was stopped stayed stopped. What is asked for while a change runs follows it, made of what is wanted then.
 */
export class Sender {
  private running: Promise<void> | null = null;
  private due = false;

  /** wish: asked anew for each change; null when the connection is no longer meant. */
  constructor(
    private readonly sender: RTCRtpSender,
    private readonly wish: () => Wish | null,
  ) {}

  /** Resolves when the sender is as wanted, or will not be. */
  settle(): Promise<void> {
    this.due = true;
    this.running ??= this.run();
    return this.running;
  }

  private async run(): Promise<void> {
    for (let refused = 0; this.due && refused < TRIES_MAX; ) {
      this.due = false;
      try {
        await this.change();
        refused = 0;
      } catch {
        // A renegotiation came between, or the connection was closed: then nothing is wished any more.
        this.due = true;
        if (++refused < TRIES_MAX) await pause(AGAIN_MS);
      }
    }
    this.running = null;
  }

  private async change(): Promise<void> {
    const wish = this.wish();
    if (wish === null) return;
    if (this.sender.track !== wish.track) await this.sender.replaceTrack(wish.track);
    if (wish.encodings === null) return;
    const parameters = this.sender.getParameters();
    const current = parameters.encodings as RTCRtpEncodingParameters[] | undefined;
    if (current === undefined || current.length === 0) return;
    const size = wish.track?.getSettings();
    const source = size?.width && size.height ? { width: size.width, height: size.height } : null;
    parameters.encodings = wish.encodings(current.map(withActive), source);
    await this.sender.setParameters(parameters);
  }
}

const withActive = (encoding: RTCRtpEncodingParameters): ActiveEncoding => ({
  ...encoding,
  active: encoding.active ?? true,
});
