// What a seat sends: its voice and its picture, as the user wants them, the server allows them and the devices give
// them. Shared by the room page and by a console that takes part with picture and sound.
import { type ReadonlySignal, computed, effect, signal } from "@preact/signals";
import type { RoomSeat } from "../core/protocol";
import { t } from "../i18n";
import { forget, remember, remembered } from "../ui/memory";
import { complain, say } from "../ui/toasts";
import type { Capture } from "./capture";
import type { Leg } from "./leg";

const MUTED = "room.muted";

export interface StateFields {
  microphone?: boolean;
  camera?: boolean;
  deaf?: boolean;
}

export class Sending {
  readonly cameraWanted = signal(true);
  /** Is our voice sent? The server's word and our own button must both say so. */
  readonly microphoneOn: ReadonlySignal<boolean>;
  readonly cameraOn: ReadonlySignal<boolean>;

  /** Muted here; holds from the press on, whatever the server still believes. */
  private readonly mutedHere = signal(false);
  private microphoneWanted = remembered(MUTED) === null;
  /** The microphone was live when it went, or has not been opened yet: live when it is there. */
  private resume = false;
  private copy: { of: MediaStreamTrack; track: MediaStreamTrack } | null = null;

  constructor(
    private readonly capture: Capture,
    /** Our seat as the server tells it; null while not in a meeting. */
    private readonly seat: ReadonlySignal<RoomSeat | null>,
    private readonly leg: ReadonlySignal<Leg | null>,
    private readonly tell: (fields: StateFields) => Promise<unknown>,
  ) {
    this.microphoneOn = computed(() => seat.value?.microphone === "on" && !this.mutedHere.value);
    this.cameraOn = computed(() => this.cameraWanted.value && capture.video.track.value !== null);
    effect(() => this.sendSound(capture.audio.track.value, this.microphoneOn.value));
    effect(() => this.leg.value?.setVideo(this.cameraOn.value ? capture.video.track.value : null));
    effect(() => this.tellCamera(this.cameraOn.value));
    effect(() => this.tellMicrophoneGone(capture.audio.track.value !== null));
    // The server has heard our mute; from now on its word is enough.
    effect(() => {
      const state = this.seat.value?.microphone;
      if (state !== undefined && state !== "on") this.mutedHere.value = false;
    });
  }

  /** What a join says. returning: the seat was in this meeting, and finds its microphone as it left it. */
  joinFields(returning: boolean): { microphone: boolean; camera: boolean } {
    const there = this.capture.audio.track.peek() !== null;
    if (!there && this.microphoneWanted && !returning) this.resume = true;
    return { microphone: this.microphoneWanted && there, camera: this.cameraOn.peek() };
  }

  /** After a break of the link: what the server may have missed. */
  tellAgain(): void {
    void this.quietly({ camera: this.cameraOn.peek() });
    if (this.mutedHere.peek()) void this.quietly({ microphone: false });
  }

  /** Out of the meeting. */
  reset(): void {
    this.mutedHere.value = false;
    this.resume = false;
  }

  toggleMicrophone(): void {
    const seat = this.seat.peek();
    if (seat === null) return;
    if (this.microphoneOn.peek()) {
      this.wantMicrophone(false);
      this.mutedHere.value = true;
      void this.quietly({ microphone: false });
      return;
    }
    if (seat.microphone === "held-off") {
      say(t("room.held_off"));
      return;
    }
    this.wantMicrophone(true);
    this.tell({ microphone: true })
      .then(() => (this.mutedHere.value = false))
      .catch(complain);
  }

  toggleCamera(): void {
    this.cameraWanted.value = !this.cameraWanted.peek();
  }

  private wantMicrophone(wanted: boolean): void {
    this.microphoneWanted = wanted;
    this.resume = false;
    if (wanted) forget(MUTED);
    else remember(MUTED, "yes");
  }

  /** What is sent is a copy: the meter goes on hearing the original while the copy is silent. */
  private sendSound(track: MediaStreamTrack | null, on: boolean): void {
    const leg = this.leg.value;
    if (this.copy !== null && this.copy.of !== track) {
      this.copy.track.stop();
      this.copy = null;
    }
    if (track !== null) this.copy ??= { of: track, track: track.clone() };
    if (this.copy !== null) this.copy.track.enabled = on;
    leg?.setAudio(this.copy?.track ?? null);
  }

  private tellCamera(on: boolean): void {
    if (this.seat.peek() !== null) void this.quietly({ camera: on });
  }

  /** A microphone that was live when it went is live again when it is back, unless somebody muted it meanwhile. */
  private tellMicrophoneGone(there: boolean): void {
    const seat = this.seat.peek();
    if (seat === null) return;
    if (!there && this.microphoneOn.peek()) {
      this.resume = true;
      void this.quietly({ microphone: false });
    } else if (there && this.resume) {
      this.resume = false;
      // Also while the server has not heard yet that it went: this word comes after that one.
      if (seat.microphone !== "held-off") void this.quietly({ microphone: true });
    }
  }

  private async quietly(fields: StateFields): Promise<void> {
    // A line that is down is told elsewhere; after it the page says its state again.
    await this.tell(fields).catch(() => undefined);
  }
}
