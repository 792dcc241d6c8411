// The room page's brain: who we are, which meeting, what is sent. Views only read signals and call methods.
import { batch, computed, effect, signal } from "@preact/signals";
import {
  Fault,
  isPassing,
  type LegId,
  type MeetingRow,
  type Need,
  type RoomState,
  type Speaking,
  type Support,
  isObject,
  wordOf,
} from "../../core/protocol";
import { t } from "../../i18n";
import { Capture } from "../../media/capture";
import { Leg, needsOf } from "../../media/leg";
import { Screening } from "../../media/screen";
import { Sending } from "../../media/sending";
import { chime } from "../../media/sound";
import * as api from "../../net/api";
import { Link, type Message, legOf } from "../../net/link";
import { forget, remember, remembered } from "../../ui/memory";
import { complain, say } from "../../ui/toasts";

/** loading; refused: wrong link; check: before the button; waiting: for a meeting; choose: of two; in; taken: elsewhere. */
export type Phase = "loading" | "unreachable" | "refused" | "check" | "waiting" | "choose" | "in" | "taken";

export interface Me {
  id: number;
  label: string;
  code: string;
}

const READY = "room.ready";
const CHIME_SHOWN_MS = 8000;
const RETRY_MS = 3000;
const ENTER_AGAIN_MS = 500;

export class Room {
  readonly phase = signal<Phase>("loading");
  readonly me = signal<Me | null>(null);
  readonly support = signal<Support | null>(null);
  readonly refusal = signal("");
  readonly meetings = signal<MeetingRow[]>([]);
  readonly state = signal<RoomState | null>(null);
  readonly speaking = signal<Speaking[]>([]);
  readonly chimed = signal(false);
  readonly ended = signal(false);
  readonly joining = signal(false);
  readonly deaf = signal(false);
  readonly capture = new Capture();

  private link: Link | null = null;
  private leg: Leg | null = null;
  private readonly linkSignal = signal<Link | null>(null);
  private readonly legSignal = signal<Leg | null>(null);
  private ready = remembered(READY) !== null;

  readonly linkState = computed(() => this.linkSignal.value?.state.value ?? "connecting");
  readonly legState = computed(() => this.legSignal.value?.state.value ?? "none");
  readonly program = computed(() => this.legSignal.value?.stream.value ?? null);
  readonly slides = computed(() => this.legSignal.value?.presentation.value ?? null);
  /** Who shows a screen to all; null: nobody. */
  readonly presenting = computed(() => this.state.value?.presenting ?? null);
  readonly open = computed(() => this.meetings.value.filter((meeting) => meeting.state === "open"));
  readonly sending = new Sending(
    this.capture,
    computed(() => this.state.value?.seat ?? null),
    this.legSignal,
    (fields) => this.request("state", { ...fields }),
  );
  readonly screening = new Screening(
    this.legSignal,
    computed(() => this.state.value?.seat.id ?? null),
    computed(() => this.presenting.value?.seat ?? null),
    (name, fields) => this.request(name, fields),
  );

  /** Trades the link for a session, then connects. */
  async enter(): Promise<void> {
    // As it stands: tokens need no escaping, and what is no token is the server's to refuse.
    const token = location.hash.slice(1);
    try {
      const answer = await (token === ""
        ? api.get<Record<string, unknown>>("me")
        : api.post<Record<string, unknown>>("room", { token }));
      const seat = answer["seat"];
      if (!isObject(seat) || typeof seat["id"] !== "number")
        throw new Fault("refused", t("refused.no_link"), {});
      this.me.value = { id: seat["id"], label: wordOf(seat["label"]), code: wordOf(seat["code"]) };
      if (isObject(answer["support"])) this.support.value = answer["support"];
    } catch (error) {
      this.notEntered(error, token);
      return;
    }
    this.phase.value = this.ready ? "waiting" : "check";
    void this.capture.start();
    this.connect();
  }

  private notEntered(error: unknown, token: string): void {
    const fault = error instanceof Fault ? error : new Fault("unknown", t("fault.unknown"));
    if (isPassing(fault)) {
      this.phase.value = "unreachable";
      window.setTimeout(() => void this.enter(), RETRY_MS);
      return;
    }
    this.refusal.value = token === "" ? t("refused.no_link") : fault.message;
    if (isObject(fault.detail["support"])) this.support.value = fault.detail["support"];
    this.phase.value = "refused";
  }

  private connect(): void {
    const link = new Link({
      page: "room",
      leg: () => this.leg?.id ?? null,
      ready: (answer) => this.hello(answer),
      push: (message) => this.take(message),
    });
    this.link = link;
    this.linkSignal.value = link;
    effect(() => {
      if (link.state.value === "taken") this.stopFor("taken");
      else if (link.state.value === "refused") {
        this.leaveMedia();
        void this.enterAgain();
      }
    });
  }

  /** The session ended (the link was renewed, the server forgot it): the link itself decides. */
  private async enterAgain(): Promise<void> {
    this.link?.close();
    this.phase.value = "loading";
    await new Promise((done) => setTimeout(done, ENTER_AGAIN_MS));
    await this.enter();
  }

  private hello(answer: Message): void {
    if (this.phase.peek() === "taken") this.phase.value = "waiting";
    if (this.phase.peek() === "in") void this.rejoin(answer["leg_alive"] === true);
    else if (Array.isArray(answer["meetings"])) this.tookMeetings(answer["meetings"] as MeetingRow[]);
  }

  private take(message: Message): void {
    switch (message.t) {
      case "waiting":
        this.tookMeetings(Array.isArray(message["meetings"]) ? (message["meetings"] as MeetingRow[]) : []);
        break;
      case "room":
        this.tookState(message as unknown as RoomState);
        break;
      case "chime":
        this.rang();
        break;
      case "ended":
        this.wasEnded();
        break;
      case "removed":
        this.wasRemoved();
        break;
      case "media-lost":
        this.leg?.mediaLost(legOf(message));
        break;
      case "restart-ice":
        this.leg?.restartFor(message["leg"] as LegId);
        break;
      case "needs":
        this.leg?.setNeeds(message["leg"] as LegId, needsOf(message["rids"] as unknown[], [] as Need[]));
        break;
      case "presentation-needs":
        this.leg?.setScreenNeeds(message["leg"] as LegId, needsOf(message["rids"] as unknown[], [] as Need[]));
        break;
      case "speaking":
        this.speaking.value = Array.isArray(message["seats"]) ? (message["seats"] as Speaking[]) : [];
        break;
      default:
        break;
    }
  }

  private tookMeetings(meetings: MeetingRow[]): void {
    this.meetings.value = meetings;
    if (this.phase.peek() === "in" || !this.ready || this.joining.peek()) return;
    const open = this.open.peek();
    const [only] = open;
    if (open.length === 0) this.phase.value = "waiting";
    else if (open.length === 1 && only !== undefined) void this.join(only.id);
    else this.chooseOrReturn(open);
  }

  /** Of two meetings the one we were in needs no question. */
  private chooseOrReturn(open: readonly MeetingRow[]): void {
    const before = open.find((meeting) => meeting.id === remembered(READY));
    if (before !== undefined) void this.join(before.id);
    else this.phase.value = "choose";
  }

  /** The large button: in now, or as soon as there is a meeting. */
  go(): void {
    this.ready = true;
    remember(READY, "yes");
    this.ended.value = false;
    if (this.phase.peek() === "check") this.phase.value = "waiting";
    this.tookMeetings(this.meetings.peek());
  }

  async join(meeting: string): Promise<void> {
    if (this.joining.peek()) return;
    this.joining.value = true;
    try {
      await this.requestJoin(meeting);
      batch(() => {
        this.phase.value = "in";
        this.ended.value = false;
      });
      remember(READY, meeting);
      this.openMedia();
    } catch (error) {
      // A line that is down is told elsewhere; it is we who try again.
      if (!(error instanceof Fault) || error.code !== "unreachable") complain(error);
      if (this.phase.peek() !== "taken") this.phase.value = "waiting";
      window.setTimeout(() => this.tookMeetings(this.meetings.peek()), RETRY_MS);
    } finally {
      this.joining.value = false;
    }
  }

  private async requestJoin(meeting: string): Promise<void> {
    const fields = this.sending.joinFields(remembered(READY) === meeting);
    await this.request("join", { meeting, ...fields });
    this.sending.tellAgain();
  }

  /** The link came back while we were in: same seat, and the same leg if the bridge still has it. */
  private async rejoin(alive: boolean): Promise<void> {
    const meeting = this.state.peek()?.meeting.id ?? remembered(READY);
    try {
      if (meeting !== null) await this.requestJoin(meeting);
      this.openMedia();
      this.leg?.linkBack(alive);
      if (this.deaf.peek()) this.tellDeaf(true);
    } catch (error) {
      if (error instanceof Fault && isPassing(error)) {
        window.setTimeout(() => this.retryRejoin(), RETRY_MS);
        return;
      }
      this.stopFor("waiting");
      // What the server told of meetings while we still believed to be in ours.
      this.tookMeetings(this.meetings.peek());
    }
  }

  /** The server answered that it cannot right now; when the link broke meanwhile, its hello does the rest. */
  private retryRejoin(): void {
    if (this.phase.peek() === "in" && this.linkState.peek() === "open")
      void this.rejoin(this.leg?.id !== null);
  }

  private openMedia(): void {
    const link = this.link;
    if (this.leg !== null || link === null) return;
    const leg = new Leg(link, "duplex", "program");
    this.leg = leg;
    this.legSignal.value = leg;
    leg.want();
  }

  private leaveMedia(): void {
    this.leg?.close();
    this.leg = null;
    batch(() => {
      this.legSignal.value = null;
      this.state.value = null;
      this.speaking.value = [];
      this.deaf.value = false;
    });
    this.sending.reset();
    this.screening.letGo();
  }

  private stopFor(phase: Phase): void {
    this.leaveMedia();
    this.phase.value = phase;
  }

  private wasEnded(): void {
    this.stopFor("waiting");
    this.ended.value = true;
    remember(READY, "yes");
    this.meetings.value = this.meetings.peek().filter((meeting) => meeting.state !== "open");
  }

  /** The chair sent this seat out: the page comes back only when somebody presses the button. */
  private wasRemoved(): void {
    this.ready = false;
    forget(READY);
    this.stopFor("check");
    say(t("room.removed"), true);
  }

  /** The user leaves: no automatic return. */
  leave(): void {
    this.ready = false;
    forget(READY);
    this.request("leave").catch(() => undefined);
    this.stopFor("check");
  }

  /** "Dùng điểm cầu ở đây" */
  takeBack(): void {
    this.ready = true;
    remember(READY, "yes");
    this.link?.again();
    this.phase.value = "waiting";
  }

  // ---- floor, sound ----

  private tookState(state: RoomState): void {
    batch(() => {
      this.state.value = state;
      if (state.seat.floor !== "given") this.chimed.value = false;
    });
    const me = this.me.peek();
    if (me !== null && me.label !== state.seat.label) this.me.value = { ...me, label: state.seat.label };
  }

  async hand(up: boolean): Promise<void> {
    await this.request("hand", { up }).catch(complain);
  }

  async giveBackFloor(): Promise<void> {
    const me = this.me.peek();
    if (me !== null) await this.request("floor.take", { seat: me.id }).catch(complain);
  }

  setDeaf(deaf: boolean): void {
    if (this.deaf.peek() === deaf) return;
    this.deaf.value = deaf;
    this.tellDeaf(deaf);
  }

  private tellDeaf(deaf: boolean): void {
    this.request("state", { deaf }).catch(() => undefined);
  }

  private rang(): void {
    chime(this.capture.sink.peek());
    this.chimed.value = true;
    window.setTimeout(() => (this.chimed.value = false), CHIME_SHOWN_MS);
  }

  private request(name: string, fields: Record<string, unknown> = {}): Promise<Message> {
    return (
      this.link?.request(name, fields) ?? Promise.reject(new Fault("unreachable", t("fault.unreachable")))
    );
  }
}
