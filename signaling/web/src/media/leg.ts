// One peer connection of this page with the bridge. The server offers, the page answers; after that only messages,
// replaceTrack and setParameters. Heals itself: ICE restart when the path is lost, a new leg when that does not help
// or when the bridge is a new one.
import { signal } from "@preact/signals";
import { Copies, preferCopies } from "../core/copies";
import { encodingsFor, screenEncodingsFor } from "../core/needs";
import { UpLine, needsWithin } from "../core/upline";
import { Fault, type LegId, type LegWay, type Need, type View, isObject, wordOf } from "../core/protocol";
import type { Link } from "../net/link";
import { LegStats, type LegNumbers } from "./legstats";
import { Sender, type Wish } from "./sender";

/** The machine has another way to the network now: what went over the old one is mended at once, not when it is missed. */
const onNetworkChange = (changed: () => void): (() => void) => {
  const connection = (navigator as { connection?: EventTarget & { type?: string } }).connection;
  let type = connection?.type;
  // It also fires when the browser thinks otherwise of the line's width: only another kind of line counts.
  const typed = (): void => {
    if (connection?.type === type) return;
    type = connection?.type;
    changed();
  };
  window.addEventListener("online", changed);
  connection?.addEventListener("change", typed);
  return () => {
    window.removeEventListener("online", changed);
    connection?.removeEventListener("change", typed);
  };
};

/** none: not wanted; opening: first picture on its way; up; weak: path is being repaired. */
export type LegState = "none" | "opening" | "up" | "weak";

const RESTART_AFTER_MS = 2_000;
const RENEW_AFTER_MS = 6_000;
const SILENCE_AGAIN_MS = 20_000;
const OPEN_RETRY_MS = [300, 700, 1500, 3000] as const;
const FIRST_NEEDS: Need[] = [
  { rid: "t", active: true, width: 160, height: 90, fps: 8, max_bps: 60_000 },
  { rid: "m", active: false, width: 640, height: 360, fps: 25, max_bps: 600_000 },
];

export class Leg {
  readonly state = signal<LegState>("none");
  readonly stream = signal<MediaStream | null>(null);
  /** The screen that somebody shows: a picture of its own. Its frames come while somebody does. */
  readonly presentation = signal<MediaStream | null>(null);
  readonly numbers = signal<LegNumbers | null>(null);
  id: LegId | null = null;

  private pc: RTCPeerConnection | null = null;
  private senders: Sender[] = [];
  private wanted = false;
  private opening = false;
  /** Counts what was given up, so that an opening that comes late knows that it is no longer meant. */
  private turn = 0;
  private attempt = 0;
  private timer: number | undefined;
  private stats: LegStats | null = null;
  private silent_at: number | null = null;
  private audio: MediaStreamTrack | null = null;
  private video: MediaStreamTrack | null = null;
  private screen: MediaStreamTrack | null = null;
  private needs: Need[] = FIRST_NEEDS;
  private forgetNetwork: () => void = () => undefined;
  /** The network changed while there was no link to ask over. */
  private restart_due = false;
  private restarting: RTCPeerConnection | null = null;
  private screenNeeds: Need[] = [];
  private copies = new Copies();
  private upline = new UpLine();
  private narrow = false;

  constructor(
    private readonly link: Link,
    private readonly way: LegWay,
    private readonly view: View,
    /** The server will not give this view, and says why; without it the leg asks again. */
    private readonly refused: ((fault: Fault) => void) | null = null,
  ) {}

  /** Opens it, now or as soon as the link is there. */
  want(): void {
    this.wanted = true;
    if (this.pc === null) void this.open();
  }

  legId(): LegId | null {
    return this.id;
  }

  close(): void {
    this.wanted = false;
    this.dispose();
    this.state.value = "none";
  }

  /** After hello. alive: the bridge still has our leg. */
  linkBack(alive: boolean): void {
    if (!this.wanted) return;
    if (this.pc === null || !alive) this.renew();
    else if (this.pc.connectionState !== "connected" || this.restart_due) void this.restartIce();
  }

  /** The bridge is a new one (null) or has lost this leg. News of a leg that we closed ourselves concerns nobody. */
  mediaLost(leg: LegId | null): void {
    if (this.wanted && (leg === null || leg === this.id)) this.renew();
  }

  restartFor(leg: LegId): void {
    if (leg === this.id) void this.restartIce();
  }

  setAudio(track: MediaStreamTrack | null): void {
    this.audio = track;
    this.settle(0);
  }

  setVideo(track: MediaStreamTrack | null): void {
    this.video = track;
    this.settle(1);
  }

  /** The screen that this page shows to all; null: none. Nothing leaves before the server wants it. */
  setScreen(track: MediaStreamTrack | null): void {
    this.screen = track;
    this.settle(2);
  }

  setScreenNeeds(leg: LegId, needs: Need[]): void {
    if (leg !== this.id) return;
    this.screenNeeds = needs;
    this.settle(2);
  }

  setNeeds(leg: LegId, needs: Need[]): void {
    if (leg !== this.id) return;
    this.needs = needs;
    this.settle(1);
  }

  private renew(): void {
    this.dispose();
    this.attempt = 0;
    void this.open();
  }

  private dispose(): void {
    // The server would keep it for a minute, and a session may have only so many.
    if (this.id !== null) this.link.request("leg.close", { leg: this.id }).catch(() => undefined);
    this.turn++;
    this.opening = false;
    clearTimeout(this.timer);
    this.forgetNetwork();
    this.restart_due = false;
    this.stats?.stop();
    this.stats = null;
    if (this.pc !== null) {
      this.pc.ontrack = this.pc.onconnectionstatechange = null;
      this.pc.close();
    }
    this.pc = null;
    this.senders = [];
    this.id = null;
    this.needs = FIRST_NEEDS;
    this.screenNeeds = [];
    this.copies = new Copies();
    this.upline = new UpLine();
    this.narrow = false;
  }

  private async open(): Promise<void> {
    if (this.opening || !this.wanted) return;
    this.state.value = this.stream.peek() === null ? "opening" : "weak";
    if (this.link.state.peek() !== "open") return;
    this.opening = true;
    const turn = this.turn;
    try {
      const answer = await this.link.request("leg.open", {
        way: this.way,
        view: this.view,
        hears: true,
        screen_height: Math.round(screen.height * devicePixelRatio),
      });
      const leg = answer["leg"] as LegId;
      if (turn !== this.turn) {
        // Given up while the server worked on it.
        this.link.request("leg.close", { leg }).catch(() => undefined);
        return;
      }
      this.id = leg;
      if (Array.isArray(answer["rids"])) this.needs = needsOf(answer["rids"], this.needs);
      await this.connect(leg, wordOf(answer["sdp"]));
      if (turn !== this.turn) return;
      this.attempt = 0;
      this.opening = false;
    } catch (error) {
      if (turn !== this.turn) return;
      this.dispose();
      if (error instanceof Fault && error.code === "refused" && this.refused !== null) {
        this.wanted = false;
        this.state.value = "none";
        this.refused(error);
        return;
      }
      const wait = OPEN_RETRY_MS[Math.min(this.attempt++, OPEN_RETRY_MS.length - 1)] ?? 3000;
      this.timer = window.setTimeout(() => void this.open(), wait);
    }
  }

  /** A promise of a connection that was closed meanwhile may never settle: nothing waits for this one but itself. */
  private async connect(leg: LegId, sdp: string): Promise<void> {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc = pc;
    pc.ontrack = (event) => this.tookTrack(event);
    pc.onconnectionstatechange = () => this.watch(pc);
    const forget = onNetworkChange(() => {
      this.restart_due = true;
      void this.restartIce();
    });
    // A window that is closed watches no longer; a seat that sends is looked for first.
    const gone = (): void => this.close();
    if (this.way === "receive") window.addEventListener("pagehide", gone);
    this.forgetNetwork = () => {
      forget();
      window.removeEventListener("pagehide", gone);
    };
    await pc.setRemoteDescription({ type: "offer", sdp });
    if (this.way === "duplex") {
      for (const transceiver of pc.getTransceivers()) transceiver.direction = "sendrecv";
      this.senders = pc
        .getTransceivers()
        .map(({ sender }, section) => new Sender(sender, () => this.wish(pc, section)));
      await this.settleAll();
    }
    await pc.setLocalDescription(await pc.createAnswer());
    if (pc !== this.pc) return;
    await this.settleAll();
    // The server learns our address from our first check, so nothing waits for gathering.
    await this.link.request("leg.answer", { leg, sdp: pc.localDescription?.sdp ?? "" });
    if (pc !== this.pc) return;
    this.stats = new LegStats(pc, (numbers) => this.tookNumbers(numbers));
    void this.stats.look();
    this.guard(RENEW_AFTER_MS + RESTART_AFTER_MS);
  }

  private tookTrack(event: RTCTrackEvent): void {
    // Section 2 is the presentation: a picture of its own, not part of the program.
    if (event.transceiver.mid === "2") {
      this.presentation.value = new MediaStream([event.track]);
      return;
    }
    const before = this.stream.peek();
    const stream = event.streams[0] ?? new MediaStream();
    if (!stream.getTracks().includes(event.track)) stream.addTrack(event.track);
    if (before !== stream) this.stream.value = stream;
  }

  private tookNumbers(numbers: LegNumbers): void {
    this.numbers.value = numbers;
    if (this.way === "duplex") this.followLine(numbers);
    // Connected but silent: the other side may be gone without a word. A restart is tried once, then comes a new leg.
    if (numbers.silent_ms < RENEW_AFTER_MS || this.state.peek() !== "up") return;
    const tried = this.silent_at;
    this.silent_at = performance.now();
    if (tried !== null && this.silent_at - tried < SILENCE_AGAIN_MS) this.renew();
    else void this.restartIce();
  }

  private followLine({ up_bps, voice_loss, waits_ms }: LegNumbers): void {
    const now_ms = performance.now();
    const narrow = this.upline.isNarrow(up_bps, waits_ms, voice_loss, now_ms);
    if (narrow !== this.narrow) {
      this.narrow = narrow;
      this.settle(1);
    }
    void this.sendCopies(this.copies.wanted(voice_loss, waits_ms, now_ms));
  }

  private watch(pc: RTCPeerConnection): void {
    if (pc !== this.pc) return;
    switch (pc.connectionState) {
      case "connected":
        clearTimeout(this.timer);
        this.state.value = "up";
        void this.stats?.look();
        this.link.poke();
        break;
      case "disconnected":
        this.state.value = "weak";
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => void this.restartIce(), RESTART_AFTER_MS);
        break;
      case "failed":
        this.renew();
        break;
      default:
        break;
    }
  }

  /** Whatever was begun has this long to bring the path up; after it comes a new leg. */
  private guard(within_ms: number): void {
    const pc = this.pc;
    if (pc?.connectionState === "connected") return;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      if (pc === this.pc && pc?.connectionState !== "connected" && this.link.state.peek() === "open")
        this.renew();
    }, within_ms);
  }

  private async restartIce(): Promise<void> {
    const pc = this.pc;
    const leg = this.id;
    if (pc === null || leg === null || pc.signalingState !== "stable" || this.link.state.peek() !== "open")
      return;
    if (this.restarting === pc) return; // page, server and network may all ask within a second
    this.restarting = pc;
    this.restart_due = false;
    this.state.value = "weak";
    this.guard(RENEW_AFTER_MS);
    try {
      const answer = await this.link.request("leg.restart", { leg });
      if (pc !== this.pc) return;
      await pc.setRemoteDescription({ type: "offer", sdp: wordOf(answer["sdp"]) });
      await pc.setLocalDescription(await pc.createAnswer());
      await this.link.request("leg.answer", { leg, sdp: pc.localDescription?.sdp ?? "" });
      this.stats?.forget();
      this.watch(pc);
    } catch {
      if (pc === this.pc && this.link.state.peek() === "open") this.renew();
    } finally {
      if (this.restarting === pc) this.restarting = null;
    }
  }

  /**
   * A line that loses our voice gets copies. Both sides agreed on RED, so the server takes it as it comes: which codec
   * leaves is a matter of this browser alone, and it goes by the order in the offer.
   */
  private async sendCopies(on: boolean): Promise<void> {
    const pc = this.pc;
    const offer = pc?.remoteDescription;
    if (!pc || offer?.type !== "offer" || pc.signalingState !== "stable" || this.restarting === pc) return;
    const sdp = preferCopies(offer.sdp, on);
    // A browser without RED has left it out of its answer.
    if (sdp === offer.sdp || !/ red\/48000/.test(pc.localDescription?.sdp ?? "")) return;
    this.restarting = pc;
    try {
      await pc.setRemoteDescription({ type: "offer", sdp });
      await pc.setLocalDescription(await pc.createAnswer());
    } catch {
      // Closed meanwhile; or else it is tried again with the next numbers.
    } finally {
      if (this.restarting === pc) this.restarting = null;
    }
    if (this.restart_due) void this.restartIce(); // asked for meanwhile
  }

  private async settleAll(): Promise<void> {
    for (const sender of this.senders) await sender.settle();
  }

  private settle(section: number): void {
    void this.senders[section]?.settle();
  }

  /** What a section sends; before the answer, which makes the encodings, only its track. */
  private wish(pc: RTCPeerConnection, section: number): Wish | null {
    if (pc !== this.pc) return null;
    const answered = pc.currentLocalDescription !== null;
    switch (section) {
      case 0:
        // On a line too narrow for 50 packets a second Chromium sends fewer and smaller ones; others pass over the word.
        return {
          track: this.audio,
          encodings: answered ? (current) => current.map((e) => ({ ...e, adaptivePtime: true })) : null,
        };
      case 1:
        return {
          track: this.video,
          encodings: answered ? (current, source) => encodingsFor(current, needsWithin(this.needs, this.narrow), source) : null,
        };
      default: {
        // A screen may not know its size before its first picture; it is shown all the same.
        const needs = this.screen === null ? [] : this.screenNeeds;
        return {
          track: this.screen,
          encodings: answered ? (current, source) => screenEncodingsFor(current, needs, source) : null,
        };
      }
    }
  }
}

/** Rows of needs; words in place of rows (the rids alone) change nothing. */
export const needsOf = (rows: unknown[], fallback: Need[]): Need[] => {
  const found = rows.filter(
    (row): row is Need & Record<string, unknown> =>
      isObject(row) && typeof row["rid"] === "string" && typeof row["active"] === "boolean",
  );
  return found.length > 0 ? found : fallback;
};
