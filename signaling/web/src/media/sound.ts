// Everything that goes through Web Audio: the level of a microphone, the test tone, the chime. The context sleeps
// until the user has touched the page once; nothing here is needed to be heard in the meeting.
import { type Signal, signal } from "@preact/signals";
import { dbfs } from "../core/talk";

let shared: AudioContext | null = null;

const context = (): AudioContext => {
  if (shared === null) {
    shared = new AudioContext();
    const wake = (): void => void shared?.resume().catch(() => undefined);
    for (const name of ["pointerdown", "keydown", "touchend"])
      window.addEventListener(name, wake, { passive: true });
  }
  if (shared.state === "suspended") void shared.resume().catch(() => undefined);
  return shared;
};

const LOOK_MS = 60;

/** The level of one track, looked at 16 times a second. */
export class Meter {
  readonly level_dbfs: Signal<number> = signal(-120);
  private source: MediaStreamAudioSourceNode | null = null;
  private timer: number | undefined;

  constructor(private readonly each?: (level_dbfs: number) => void) {}

  watch(track: MediaStreamTrack | null): void {
    this.stop();
    if (track === null) return;
    const audio = context();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 2048;
    this.source = audio.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = window.setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      this.level_dbfs.value = dbfs(Math.sqrt(sum / samples.length));
      this.each?.(this.level_dbfs.peek());
    }, LOOK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.source?.disconnect();
    this.source = null;
    this.level_dbfs.value = -120;
  }
}

interface Note {
  hz: number;
  at_s: number;
  for_s: number;
}

const play = (notes: readonly Note[], gain: number, into: AudioNode): void => {
  const audio = context();
  for (const note of notes) {
    const from = audio.currentTime + note.at_s;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = note.hz;
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(gain, from + 0.02);
    volume.gain.setValueAtTime(gain, from + note.for_s - 0.05);
    volume.gain.linearRampToValueAtTime(0, from + note.for_s);
    tone.connect(volume).connect(into);
    tone.start(from);
    tone.stop(from + note.for_s + 0.05);
  }
};

const CHIME: readonly Note[] = [
  { hz: 523.25, at_s: 0, for_s: 0.22 },
  { hz: 659.25, at_s: 0.2, for_s: 0.22 },
  { hz: 783.99, at_s: 0.4, for_s: 0.5 },
];
const TONE: readonly Note[] = [
  { hz: 440, at_s: 0.05, for_s: 0.6 },
  { hz: 554.37, at_s: 0.65, for_s: 0.6 },
  { hz: 659.25, at_s: 1.25, for_s: 0.8 },
];
const NOTES_MS = 2200;

/** Through an element, so that it comes from the loudspeaker that was chosen. */
const playTo = async (sinkId: string, notes: readonly Note[], gain: number): Promise<void> => {
  const out = context().createMediaStreamDestination();
  const element = new Audio();
  element.srcObject = out.stream;
  await setSink(element, sinkId);
  await element.play();
  play(notes, gain, out);
  await new Promise((done) => setTimeout(done, NOTES_MS));
  element.pause();
  element.srcObject = null;
};

/** "You have the floor": three rising notes on the loudspeaker. */
export const chime = (sinkId: string): void => {
  playTo(sinkId, CHIME, 0.25).catch(() => play(CHIME, 0.25, context().destination));
};

/** Two seconds of test tone. */
export const testTone = (sinkId: string): Promise<void> => playTo(sinkId, TONE, 0.2);

/** Why did an element not play? Because the browser wants a touch first; a picture that was replaced while it began plays by itself. */
export const wantsTouch = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "NotAllowedError";

interface WithSink {
  setSinkId?: (id: string) => Promise<void>;
}

export const canChooseSpeaker = (): boolean => "setSinkId" in HTMLMediaElement.prototype;

/** The loudspeaker of an element; one that is gone leaves the system's own. */
export const setSink = async (element: HTMLMediaElement, id: string): Promise<void> => {
  await (element as unknown as WithSink).setSinkId?.(id).catch(() => undefined);
};
