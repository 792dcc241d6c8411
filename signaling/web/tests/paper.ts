// A browser's world of paper for what talks to the server: sockets that the test answers and a clock that it moves. To be
// imported before the modules under test, which look at the world when they load.

interface Timer {
  at: number;
  every: number | null;
  run: () => void;
}

const timers = new Map<number, Timer>();
let clock = 0;
let next_timer = 1;
const later = (run: () => void, ms = 0, every: number | null = null): number => {
  timers.set(next_timer, { at: clock + ms, every, run });
  return next_timer++;
};

/** Whatever is ready to go on has gone on. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

export const advance = async (ms: number): Promise<void> => {
  const end = clock + ms;
  for (;;) {
    const due = [...timers.entries()]
      .filter(([, timer]) => timer.at <= end)
      .sort((a, b) => a[1].at - b[1].at)[0];
    if (due === undefined) break;
    const [id, timer] = due;
    clock = timer.at;
    if (timer.every === null) timers.delete(id);
    else timer.at += timer.every;
    timer.run();
    await settle();
  }
  clock = end;
};

export class PaperSocket {
  static readonly OPEN = 1;
  static all: PaperSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  private readonly answered = new Set<unknown>();
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor() {
    PaperSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(message: object | string): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** The last request of this name that has had no answer; undefined: there is none. */
  asked(name: string): Record<string, unknown> | undefined {
    return this.sent.filter((one) => one["t"] === name && !this.answered.has(one["id"])).pop();
  }

  answers(name: string, fields: object = {}): void {
    this.answer(name, { ...fields, t: "ok" });
  }

  refuses(name: string, code: string): void {
    this.answer(name, { t: "fault", code, text: code });
  }

  private answer(name: string, fields: object): void {
    const id = this.asked(name)?.["id"];
    if (id === undefined) throw new Error(`nobody asked for ${name}`);
    this.answered.add(id);
    this.says({ ...fields, re: id });
  }

  breaks(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  last(): Record<string, unknown> {
    return this.sent[this.sent.length - 1] ?? {};
  }
}

/** A peer connection whose path comes up when the test says so. */
export class PaperConnection {
  static all: PaperConnection[] = [];
  static refuses = false;
  signalingState = "stable";
  connectionState = "connecting";
  localDescription = { sdp: "answer" };
  ontrack: ((event: object) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;

  constructor() {
    PaperConnection.all.push(this);
  }

  setRemoteDescription(): Promise<void> {
    return PaperConnection.refuses ? Promise.reject(new Error("no such codec")) : Promise.resolve();
  }

  setLocalDescription(): Promise<void> {
    return Promise.resolve();
  }

  createAnswer(): Promise<object> {
    return Promise.resolve({});
  }

  getTransceivers(): [] {
    return [];
  }

  getStats(): Promise<Map<string, object>> {
    return Promise.resolve(new Map<string, object>());
  }

  close(): void {
    this.connectionState = "closed";
  }

  becomes(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  /** The first picture. */
  shows(): void {
    this.ontrack?.({ transceiver: { mid: "1" }, track: {}, streams: [{ getTracks: () => [{}], addTrack: () => 0 }] });
  }
}

/** What the API answers; a test that has one sets it. */
let fetched: (path: string) => Promise<Response> = () => Promise.reject(new Error("no network"));
export const setFetch = (answer: typeof fetched): void => void (fetched = answer);

export const listeners = new Map<string, () => void>();
Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true }); // no devices
Object.defineProperty(globalThis, "performance", { value: { now: () => clock } });
Object.assign(globalThis, {
  window: globalThis,
  document: {
    documentElement: { lang: "" },
    visibilityState: "visible",
    addEventListener: (name: string, run: () => void) => listeners.set(name, run),
  },
  location: { protocol: "https:", host: "here", hash: "#link" },
  addEventListener: (name: string, run: () => void) => listeners.set(name, run),
  removeEventListener: (name: string) => listeners.delete(name),
  setTimeout: (run: () => void, ms?: number) => later(run, ms),
  setInterval: (run: () => void, ms = 0) => later(run, ms, ms),
  clearTimeout: (id: number) => timers.delete(id),
  clearInterval: (id: number) => timers.delete(id),
  WebSocket: PaperSocket,
  RTCPeerConnection: PaperConnection,
  MediaStream: Object,
  screen: { height: 1080 },
  devicePixelRatio: 1,
  fetch: (path: string) => fetched(path),
});

export const newest = (): PaperSocket =>
  PaperSocket.all[PaperSocket.all.length - 1] ?? new PaperSocket();

/** The server takes the newest socket and answers its hello. */
export const greet = async (more: object = {}): Promise<PaperSocket> => {
  const socket = newest();
  socket.open();
  socket.answers("hello", { role: "room", now_ms: 1, time_zone: "Asia/Ho_Chi_Minh", ...more });
  await settle();
  return socket;
};

export const clean = (): void => {
  timers.clear();
  PaperSocket.all = [];
  PaperConnection.all = [];
  PaperConnection.refuses = false;
};
