// "Tham gia có hình và tiếng": the console takes its seat itself, with camera, microphone and sound, as long as no
// room page uses that seat. Without it a console only watches and commands.
import { batch, computed, signal } from "@preact/signals";
import { Fault, isPassing, type LegId, type Need, type RoomState } from "../../core/protocol";
import { Capture } from "../../media/capture";
import { Leg, needsOf } from "../../media/leg";
import { Screening } from "../../media/screen";
import { Sending } from "../../media/sending";
import type { HallStore } from "../../net/hall";
import type { Message } from "../../net/link";
import { complain } from "../../ui/toasts";

const RETRY_MS = 3000;

export class Part {
  readonly on = signal(false);
  readonly starting = signal(false);
  readonly leg = signal<Leg | null>(null);
  readonly state = signal<RoomState | null>(null);
  readonly capture = new Capture();
  readonly sending = new Sending(
    this.capture,
    computed(() => this.state.value?.seat ?? null),
    this.leg,
    (fields) =>
      this.hall?.link.request("state", { ...fields }) ?? Promise.reject(new Fault("unreachable", "")),
  );
  readonly screening = new Screening(
    this.leg,
    computed(() => this.state.value?.seat.id ?? null),
    computed(() => this.state.value?.presenting?.seat ?? null),
    (name, fields) =>
      this.hall?.link.request(name, fields) ?? Promise.reject(new Fault("unreachable", "")),
  );
  private hall: HallStore | null = null;
  /** Counts the returns to the seat: only the newest is tried again. */
  private turn = 0;
  private dropLeg: (() => void) | null = null;

  begin(hall: HallStore): void {
    this.hall = hall;
    hall.onPush((message) => this.take(message));
  }

  /** The user's choice. The server may refuse it, in words. */
  async start(): Promise<void> {
    const hall = this.hall;
    if (hall === null || this.on.peek() || this.starting.peek()) return;
    this.starting.value = true;
    try {
      await this.capture.start();
      await this.join(hall, false);
      this.openLeg(hall);
      this.on.value = true;
    } catch (error) {
      complain(error);
      this.capture.stop();
      this.state.value = null;
    } finally {
      this.starting.value = false;
    }
  }

  async stop(): Promise<void> {
    const hall = this.hall;
    const meeting = hall?.meeting.peek()?.id;
    this.letGo();
    if (hall === null || meeting === undefined) return;
    // Leaving ends the whole attendance of this page; the console comes back to watch.
    await hall.do("leave");
    await hall.attend(meeting);
  }

  private async join(hall: HallStore, returning: boolean): Promise<void> {
    await hall.link.request("join", {
      meeting: hall.meeting.peek()?.id ?? "",
      ...this.sending.joinFields(returning),
    });
  }

  private openLeg(hall: HallStore): void {
    const leg = new Leg(hall.link, "duplex", "program");
    this.leg.value = leg;
    this.dropLeg = hall.addLeg({
      linkBack: (alive) => void this.again(() => leg.linkBack(alive)),
      mediaLost: (lost) => {
        if (lost === null || lost === leg.id) void this.again(() => leg.mediaLost(null));
      },
      restartFor: (wanted) => leg.restartFor(wanted),
      legId: () => leg.id,
    });
    leg.want();
  }

  /** After a break, or when the seat's leg was closed: the seat is asked for anew, a room page may have it now. */
  private async again(then: () => void): Promise<void> {
    const hall = this.hall;
    if (hall === null || !this.on.peek()) return;
    const turn = ++this.turn;
    try {
      await this.join(hall, true);
      this.sending.tellAgain();
      then();
    } catch (error) {
      if (error instanceof Fault && isPassing(error)) {
        window.setTimeout(() => this.retry(hall, turn, then), RETRY_MS);
        return;
      }
      complain(error);
      this.letGo();
    }
  }

  /** The server answered that it cannot right now; when the link broke meanwhile, what follows its hello does the rest. */
  private retry(hall: HallStore, turn: number, then: () => void): void {
    if (turn === this.turn && hall.link.state.peek() === "open") void this.again(then);
  }

  private take(message: Message): void {
    if (message.t === "room") this.state.value = message as unknown as RoomState;
    else if (message.t === "needs" && Array.isArray(message["rids"])) {
      this.leg.peek()?.setNeeds(message["leg"] as LegId, needsOf(message["rids"], [] as Need[]));
    } else if (message.t === "presentation-needs" && Array.isArray(message["rids"])) {
      this.leg.peek()?.setScreenNeeds(message["leg"] as LegId, needsOf(message["rids"], [] as Need[]));
    } else if (message.t === "ended" || message.t === "removed") this.letGo();
  }

  private letGo(): void {
    this.dropLeg?.();
    this.dropLeg = null;
    const leg = this.leg.peek();
    this.screening.letGo();
    batch(() => {
      this.on.value = false;
      this.leg.value = null;
      this.state.value = null;
    });
    this.sending.reset();
    leg?.close();
    this.capture.stop();
  }
}
