// Camera and microphone, in a browser of paper: devices are put in and pulled out, and the test says when a question ends.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

interface PaperDevice {
  kind: "audioinput" | "videoinput" | "audiooutput";
  deviceId: string;
  groupId: string;
  label: string;
}

class PaperTrack {
  onended: (() => void) | null = null;
  stopped = false;

  constructor(
    readonly kind: string,
    private readonly of: PaperDevice,
  ) {}

  getSettings(): object {
    return { deviceId: this.of.deviceId, groupId: this.of.groupId };
  }

  stop(): void {
    this.stopped = true;
  }
}

interface Asked {
  kinds: string[];
  answer: () => void;
  refuse: (name: string) => void;
}

let plugged: PaperDevice[] = [];
let asked: Asked[] = [];
let tracks: PaperTrack[] = [];
let changed: () => void = () => undefined;
let timers: (() => void)[] = [];
const memory = new Map<string, string>();

/** The one that is wanted, or else the first of its kind, as browsers do. */
const open = (kind: string, wanted: MediaTrackConstraints): PaperTrack | null => {
  const these = plugged.filter((one) => one.kind === `${kind}input`);
  const ideal = (wanted.deviceId as { ideal?: string } | undefined)?.ideal;
  const one = these.find((device) => device.deviceId === ideal) ?? these[0];
  if (one === undefined) return null;
  const track = new PaperTrack(kind, one);
  tracks.push(track);
  return track;
};

const getUserMedia = (wanted: Record<string, MediaTrackConstraints>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const refuse = (name: string): void => reject(new DOMException("", name));
    asked.push({
      kinds: Object.keys(wanted),
      refuse,
      answer: () => {
        const found = Object.entries(wanted).map(([kind, one]) => open(kind, one));
        if (found.includes(null)) refuse("NotFoundError");
        else resolve({ getTracks: () => found });
      },
    });
  });

Object.defineProperty(globalThis, "navigator", {
  value: {
    mediaDevices: {
      getUserMedia,
      enumerateDevices: () => Promise.resolve(plugged),
      addEventListener: (_name: string, run: () => void) => (changed = run),
    },
    permissions: { query: () => Promise.reject(new Error("not told")) },
  },
});
Object.assign(globalThis, {
  window: { setTimeout: (run: () => void) => timers.push(run) },
  localStorage: {
    getItem: (key: string) => memory.get(key) ?? null,
    setItem: (key: string, value: string) => memory.set(key, value),
    removeItem: (key: string) => memory.delete(key),
  },
});

const { Capture } = await import("../src/media/capture");

const turn = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await Promise.resolve();
};

/** The browser answers whatever it was asked, until it is asked nothing more. */
const answerAll = async (): Promise<void> => {
  await turn();
  while (asked.length > 0) {
    asked.shift()?.answer();
    await turn();
  }
};

const device = (kind: PaperDevice["kind"], deviceId: string, groupId = deviceId): PaperDevice => ({
  kind,
  deviceId,
  groupId,
  label: deviceId,
});

const WEBCAM = [device("videoinput", "webcam", "w"), device("audioinput", "webcam-mic", "w")];
const USB = device("audioinput", "usb", "u");
const DEFAULT = device("audioinput", "default", "u");

const plug = async (...devices: PaperDevice[]): Promise<void> => {
  plugged = devices;
  changed();
  await turn();
};

/** The device of a kind is pulled out: its track ends, and half a second later the page looks for another. */
const pull = async (kind: string, ...left: PaperDevice[]): Promise<void> => {
  plugged = left;
  tracks.filter((one) => one.kind === kind && !one.stopped).forEach((one) => one.onended?.());
  changed();
  await answerAll();
  timers.splice(0).forEach((run) => run());
  await answerAll();
};

const started = async (...devices: PaperDevice[]) => {
  plugged = devices;
  const capture = new Capture();
  void capture.start();
  await answerAll();
  return capture;
};

const idOf = (track: MediaStreamTrack | null): unknown => track?.getSettings().deviceId;

beforeEach(() => {
  asked = [];
  tracks = [];
  timers = [];
  memory.clear();
});

test("a microphone chosen while the camera opens is opened after it", async () => {
  const second = device("videoinput", "second");
  const capture = await started(...WEBCAM, USB, second);
  void capture.choose("video", "second");
  void capture.choose("audio", "usb");
  await answerAll();
  assert.equal(idOf(capture.video.track.peek()), "second");
  assert.equal(idOf(capture.audio.track.peek()), "usb");
});

test("of two cameras chosen in a row the last one is opened", async () => {
  const capture = await started(...WEBCAM, device("videoinput", "b"), device("videoinput", "c"));
  void capture.choose("video", "b");
  void capture.choose("video", "c");
  await answerAll();
  assert.equal(idOf(capture.video.track.peek()), "c");
  assert.equal(tracks.filter((one) => one.kind === "video" && !one.stopped).length, 1);
});

test("a microphone that is listed after its camera is opened too", async () => {
  const capture = await started(...WEBCAM);
  tracks.forEach((one) => one.onended?.());
  await plug();
  await answerAll();
  timers.splice(0).forEach((run) => run());
  await answerAll();
  assert.equal(capture.audio.trouble.peek(), "unplugged");
  await plug(...WEBCAM.slice(0, 1));
  asked.shift()?.answer(); // the camera was asked for; the microphone, asked for next, is not there yet
  await turn();
  await plug(...WEBCAM);
  await answerAll();
  assert.equal(idOf(capture.video.track.peek()), "webcam");
  assert.equal(idOf(capture.audio.track.peek()), "webcam-mic");
});

test("what came meanwhile is opened once", async () => {
  const capture = new Capture();
  plugged = WEBCAM;
  void capture.start();
  await turn();
  await plug(...WEBCAM, USB);
  await answerAll();
  assert.equal(tracks.length, 2);
});

test("a refusal is not followed by a second question", async () => {
  const capture = new Capture();
  plugged = WEBCAM.slice(0, 1);
  void capture.start();
  await turn();
  await plug(...WEBCAM.slice(0, 1), device("videoinput", "b"));
  asked.shift()?.refuse("NotAllowedError");
  await turn();
  assert.equal(capture.video.trouble.peek(), "refused");
  assert.ok(!asked.some((one) => one.kinds.includes("video")));
});

test("a microphone that nobody chose by hand is taken again when it is back", async () => {
  const capture = await started(USB, ...WEBCAM);
  await pull("audio", ...WEBCAM);
  assert.equal(idOf(capture.audio.track.peek()), "webcam-mic");
  await plug(...WEBCAM, USB);
  await answerAll();
  assert.equal(idOf(capture.audio.track.peek()), "usb");
});

test("one that was opened as the system's own is known by its group", async () => {
  const capture = await started(DEFAULT, USB, ...WEBCAM);
  const webcamDefault = device("audioinput", "default", "w");
  await pull("audio", webcamDefault, ...WEBCAM);
  assert.equal(idOf(capture.audio.track.peek()), "default");
  await plug(webcamDefault, ...WEBCAM, USB);
  await answerAll();
  assert.equal(idOf(capture.audio.track.peek()), "usb");
});

test("the sound goes to the speaker that was chosen, and again when it is back", async () => {
  const [usb, own] = [device("audiooutput", "usb-out"), device("audiooutput", "own")];
  const capture = await started(...WEBCAM, usb, own);
  capture.chooseSpeaker("usb-out");
  const sinks: string[] = [];
  capture.sink.subscribe((sink) => sinks.push(sink));
  await plug(...WEBCAM, own);
  await plug(...WEBCAM, usb, own);
  assert.deepEqual(sinks, ["usb-out", "", "usb-out"]);
});

test("a choice by hand is stronger than what was lost", async () => {
  const capture = await started(USB, ...WEBCAM, device("audioinput", "third"));
  await pull("audio", ...WEBCAM, device("audioinput", "third"));
  void capture.choose("audio", "third");
  await answerAll();
  await plug(USB, ...WEBCAM, device("audioinput", "third"));
  await answerAll();
  assert.equal(idOf(capture.audio.track.peek()), "third");
});
