// One WebSocket to the server, for the life of the page: hello, requests with one answer each, pushes, and coming
// back by itself. It never gives up unless another client took the seat or the server no longer knows this user.
import { signal } from "@preact/signals";
import { reconnectDelay } from "../core/backoff";
import { Fault, type LegId, isObject, wordOf } from "../core/protocol";
import { language, t } from "../i18n";
import { setServerTime } from "../ui/clock";
import * as api from "./api";

export type LinkState = "connecting" | "open" | "lost" | "taken" | "refused";
export type Message = Record<string, unknown> & { t: string };

/** Which leg a push is about; null: all of them. */
export const legOf = (message: Message): LegId | null =>
  typeof message["leg"] === "number" ? message["leg"] : null;

interface Waiting {
  resolve: (answer: Message) => void;
  reject: (fault: Fault) => void;
  timer: number;
}

interface Options {
  page: "room" | "chair" | "technician";
  /** The leg this page still has, if any: the server says whether the bridge has it too. */
  leg: () => LegId | null;
  /** After every hello that the server answered, the first and those after a break. */
  ready: (answer: Message) => void;
  push: (message: Message) => void;
}

const ANSWER_MS = 10_000;
const PING_MS = 8_000;
const PROBE_MS = 2_000;
const CONNECT_MS = 3_000;
const CONNECT_MORE_MS = 1_000;
const CONNECT_MORE_MAX = 7;
const CLOSE_TAKEN = 4001;
const CLOSE_REVOKED = 4003;

const randomWord = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
};

export class Link {
  readonly state = signal<LinkState>("connecting");
  private readonly client = randomWord();
  private socket: WebSocket | null = null;
  private waiting = new Map<number, Waiting>();
  private next_id = 1;
  private attempt = 0;
  private retry: number | undefined;
  private ping: number | undefined;
  private heard_ms = 0;
  private ended = false;

  constructor(private readonly options: Options) {
    window.addEventListener("online", () => this.poke());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.poke();
    });
    this.connect();
  }

  /** Sends a request; its answer, or a Fault in the server's words. */
  request(name: string, fields: Record<string, unknown> = {}, answer_ms = ANSWER_MS): Promise<Message> {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Fault("unreachable", t("fault.cut")));
    }
    const id = this.next_id++;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.waiting.delete(id);
        reject(new Fault("late", t("fault.late")));
      }, answer_ms);
      this.waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ ...fields, t: name, id }));
    });
  }

  /** Something says that the network is back: knock now rather than at the next turn, and see whether what looks
   * like an open line is one. */
  poke(): void {
    if (this.ended) return;
    if (this.state.peek() === "open") this.check(PROBE_MS);
    else if (this.retry !== undefined) {
      this.attempt = 0;
      this.connect();
    }
  }

  /** Takes the seat back after another client had it. */
  again(): void {
    this.ended = false;
    this.attempt = 0;
    this.connect();
  }

  close(): void {
    this.ended = true;
    clearTimeout(this.retry);
    this.retry = undefined;
    this.drop("lost");
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    if (this.socket !== null) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`, "diemcau.v1");
    this.socket = socket;
    let opened = false;
    // A line that swallows packets keeps a browser waiting for a minute and longer.
    const patience = window.setTimeout(
      () => {
        if (this.socket === socket) this.drop("lost");
      },
      CONNECT_MS + CONNECT_MORE_MS * Math.min(this.attempt, CONNECT_MORE_MAX),
    );
    socket.onopen = () => {
      opened = true;
      clearTimeout(patience);
      this.hello(socket);
    };
    socket.onmessage = (event) => this.take(event.data);
    socket.onclose = (event) => {
      clearTimeout(patience);
      if (this.socket !== socket) return;
      if (event.code === CLOSE_TAKEN) this.taken();
      else if (event.code === CLOSE_REVOKED) this.refused();
      else this.lost(opened);
    };
  }

  private hello(socket: WebSocket): void {
    const leg = this.options.leg();
    const fields = { client: this.client, page: this.options.page, language: language.peek() };
    this.request("hello", leg === null ? fields : { ...fields, leg })
      .then((answer) => {
        this.attempt = 0;
        if (typeof answer["now_ms"] === "number") {
          setServerTime(answer["now_ms"], wordOf(answer["time_zone"], "Asia/Ho_Chi_Minh"));
        }
        this.state.value = "open";
        this.keepAlive();
        this.options.ready(answer);
      })
      .catch((error: unknown) => {
        if (error instanceof Fault && error.code === "refused") this.refused();
        else if (this.socket === socket) this.drop("lost");
      });
  }

  // A dead line is not told by the socket for minutes: a ping that stays unanswered is. Whatever else comes says the same.
  private keepAlive(): void {
    clearTimeout(this.ping);
    const silent_ms = performance.now() - this.heard_ms;
    if (silent_ms >= PING_MS) this.check(PING_MS / 2);
    this.ping = window.setTimeout(() => this.keepAlive(), silent_ms >= PING_MS ? PING_MS : PING_MS - silent_ms);
  }

  private check(within_ms: number): void {
    const socket = this.socket;
    this.request("ping", {}, within_ms).catch(() => {
      if (this.socket === socket && socket !== null) this.drop("lost");
    });
  }

  private take(data: unknown): void {
    this.heard_ms = performance.now();
    let message: unknown;
    try {
      message = typeof data === "string" ? JSON.parse(data) : null;
    } catch {
      message = null;
    }
    if (!isObject(message) || typeof message["t"] !== "string") return;
    const known = message as Message;
    if (known.t === "ok" || known.t === "fault") this.settle(known);
    else if (known.t === "taken-over") this.taken();
    else this.options.push(known);
  }

  private settle(message: Message): void {
    const id = message["re"];
    if (typeof id !== "number") return;
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (message.t === "ok") waiting.resolve(message);
    else
      waiting.reject(
        new Fault(wordOf(message["code"], "fault"), wordOf(message["text"]) || t("fault.unknown"), message),
      );
  }

  private taken(): void {
    this.ended = true;
    this.drop("taken");
  }

  private refused(): void {
    this.ended = true;
    this.drop("refused");
  }

  private lost(opened: boolean): void {
    this.drop("lost");
    if (opened) return;
    // A refused upgrade looks like a dead line to a page; the API can tell the two apart.
    api.get("me").catch((error: unknown) => {
      if (error instanceof Fault && (error.code === "refused" || error.code === "http-401")) this.refused();
    });
  }

  private drop(state: LinkState): void {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.ping);
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const waiting of this.waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new Fault("unreachable", t("fault.cut")));
    }
    this.waiting.clear();
    this.state.value = state;
    if (this.ended || this.retry !== undefined) return;
    this.retry = window.setTimeout(() => this.connect(), reconnectDelay(this.attempt++, Math.random()));
  }
}
