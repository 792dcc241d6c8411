// What this page sees of its own line, from getStats every 2 s.

export interface LegNumbers {
  rtt_ms: number;
  /** Share of packets lost on the way to us since the last look, 0..1. */
  loss: number;
  fps: number;
  received_bps: number;
  /** Share of our voice's packets that the other side missed of late, 0..1; null: it has not told. */
  voice_loss: number | null;
  /** What the browser believes that the way up carries; null: it does not say. */
  up_bps: number | null;
  /** How much longer a round trip takes than the shortest so far: packets wait somewhere. */
  waits_ms: number;
  /** How long nothing has come. */
  silent_ms: number;
}

const EVERY_MS = 2_000;

interface Totals {
  at_ms: number;
  bytes: number;
  packets: number;
  lost: number;
}

export class LegStats {
  private readonly timer: number;
  private last: Totals | null = null;
  private heard_ms = performance.now();
  private least_rtt_ms = Infinity;

  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly report: (numbers: LegNumbers) => void,
  ) {
    this.timer = window.setInterval(() => void this.look(), EVERY_MS);
  }

  /** A restart begins anew: its silence, its round trips. */
  forget(): void {
    this.heard_ms = performance.now();
    this.least_rtt_ms = Infinity; // another way, perhaps
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Also to be called when the connection is up: a narrow line is full soon after. */
  async look(): Promise<void> {
    if (this.pc.connectionState !== "connected") return;
    const all = await this.pc.getStats().catch(() => null);
    if (all === null) return;
    const now: Totals = { at_ms: performance.now(), bytes: 0, packets: 0, lost: 0 };
    let check_ms = 0;
    let fps = 0;
    let voice_loss: number | null = null;
    let voice_rtt_ms = 0;
    let up_bps: number | null = null;
    all.forEach((row: Record<string, unknown>) => {
      const value = (key: string): number => (typeof row[key] === "number" ? row[key] : 0);
      if (row["type"] === "inbound-rtp") {
        now.bytes += value("bytesReceived");
        now.packets += value("packetsReceived");
        now.lost += value("packetsLost");
        if (row["kind"] === "video") fps = Math.max(fps, value("framesPerSecond"));
      } else if (row["type"] === "remote-inbound-rtp") {
        if (row["kind"] !== "audio") return;
        if (typeof row["fractionLost"] === "number") voice_loss = row["fractionLost"];
        voice_rtt_ms = value("roundTripTime") * 1000;
      } else if (
        row["type"] === "candidate-pair" &&
        row["nominated"] === true &&
        row["state"] === "succeeded"
      ) {
        check_ms = value("currentRoundTripTime") * 1000;
        if (typeof row["availableOutgoingBitrate"] === "number") up_bps = row["availableOutgoingBitrate"];
      }
    });
    // Reports come every second, answers to checks more rarely; but the first of those was there before the line was full.
    const way_ms = voice_rtt_ms > 0 ? voice_rtt_ms : check_ms;
    for (const ms of [check_ms, voice_rtt_ms]) if (ms > 0) this.least_rtt_ms = Math.min(this.least_rtt_ms, ms);
    const before = this.last;
    if (before !== null && now.at_ms - before.at_ms < EVERY_MS / 2) return;
    this.last = now;
    if (before === null) return;
    if (now.bytes > before.bytes) this.heard_ms = now.at_ms;
    const packets = Math.max(0, now.packets - before.packets);
    const lost = Math.max(0, now.lost - before.lost);
    this.report({
      rtt_ms: Math.round(check_ms),
      loss: packets + lost === 0 ? 0 : lost / (packets + lost),
      fps: Math.round(fps),
      received_bps: Math.round(((now.bytes - before.bytes) * 8000) / (now.at_ms - before.at_ms)),
      voice_loss,
      up_bps,
      waits_ms: Math.max(0, way_ms - this.least_rtt_ms),
      silent_ms: now.at_ms - this.heard_ms,
    });
  }
}
