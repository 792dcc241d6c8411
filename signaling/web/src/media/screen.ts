// Showing the own screen to all: the browser asks which one, the server says whether this seat may, and the bridge how it
// wants it. Shared by the room page and by a console that takes part.
import { type ReadonlySignal, computed, effect, signal } from "@preact/signals";
import type { SeatId } from "../core/protocol";
import { screenTroubleOf } from "../core/trouble";
import { t } from "../i18n";
import { complain, say } from "../ui/toasts";
import type { Leg } from "./leg";

/** Slides and documents: sharp before smooth; most of them have a window, and what is shown can be changed on the way. */
const WANTED: DisplayMediaStreamOptions & { surfaceSwitching: "include" } = {
  audio: false,
  video: { displaySurface: "window", frameRate: { max: 15 }, width: { max: 1920 }, height: { max: 1200 } },
  surfaceSwitching: "include",
};

/** Tablets and plain http have no way to show a screen. */
export const canPresent = (): boolean =>
  typeof (navigator as { mediaDevices?: Partial<MediaDevices> }).mediaDevices?.getDisplayMedia === "function";

export class Screening {
  readonly track = signal<MediaStreamTrack | null>(null);
  readonly asking = signal(false);
  readonly on = computed(() => this.track.value !== null);
  /** The server has told that it is we who present. */
  private told = false;

  constructor(
    private readonly leg: ReadonlySignal<Leg | null>,
    private readonly seat: ReadonlySignal<SeatId | null>,
    private readonly presenting: ReadonlySignal<SeatId | null>,
    private readonly request: (name: string, fields?: Record<string, unknown>) => Promise<unknown>,
  ) {
    effect(() => this.leg.value?.setScreen(this.track.value));
    effect(() => this.follow(this.seat.value, this.presenting.value));
  }

  async start(): Promise<void> {
    if (this.asking.peek() || this.track.peek() !== null) return;
    this.asking.value = true;
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia(WANTED);
      const [track] = stream.getVideoTracks();
      if (track === undefined) return;
      await this.show(track);
    } catch (error) {
      this.explain(error);
    } finally {
      this.asking.value = false;
    }
  }

  /** Our button, or the browser's own "stop sharing". */
  stop(): void {
    if (this.track.peek() === null) return;
    this.letGo();
    this.request("present.stop", { seat: this.seat.peek() ?? 0 }).catch(() => undefined);
  }

  /** Out of the meeting: the server ends it by itself. */
  letGo(): void {
    const track = this.track.peek();
    this.told = false;
    if (track === null) return;
    track.onended = null;
    track.stop();
    this.track.value = null;
  }

  private async show(track: MediaStreamTrack): Promise<void> {
    track.contentHint = "detail";
    try {
      await this.request("present");
    } catch (error) {
      track.stop();
      throw error;
    }
    if (track.readyState === "ended") {
      this.request("present.stop", { seat: this.seat.peek() ?? 0 }).catch(() => undefined);
      return;
    }
    track.onended = () => this.stop();
    this.told = this.presenting.peek() === this.seat.peek();
    this.track.value = track;
  }

  /** What the server says of who presents. */
  private follow(seat: SeatId | null, presenting: SeatId | null): void {
    if (seat === null) return;
    const ours = presenting === seat;
    if (this.track.peek() === null) {
      // A page that was loaded anew has no screen any more.
      if (ours && !this.asking.peek()) this.request("present.stop", { seat }).catch(() => undefined);
      return;
    }
    if (ours) this.told = true;
    else if (this.told) {
      this.letGo();
      say(t(presenting === null ? "present.was_stopped" : "present.was_followed"));
    }
  }

  private explain(error: unknown): void {
    if (!(error instanceof DOMException)) {
      complain(error);
      return;
    }
    const trouble = screenTroubleOf(error.name, error.message);
    if (trouble !== "closed") say(t(`present.${trouble}`), true);
  }
}
