// The meeting as a console sees it: one signal a seat, so that a change repaints one row in its place.
import { type Signal, batch, computed, signal } from "@preact/signals";
import {
  type Delta,
  type LegId,
  type MeetingInfo,
  type MeetingRow,
  type RosterSeat,
  type Seat,
  type SeatId,
  type Snapshot,
  type Speaking,
  Fault,
  isPassing,
  isObject,
  wordOf,
} from "../core/protocol";
import { type Hall, applyDelta, countSeats, hallOf } from "../core/seats";
import type { Load } from "../core/load";
import { complain, say } from "../ui/toasts";
import * as api from "./api";
import { Link, type Message, legOf } from "./link";
import { t } from "../i18n";

const ASK_AGAIN_MS = 1000;

interface LegHandler {
  linkBack: (alive: boolean) => void;
  mediaLost: (leg: LegId | null) => void;
  restartFor: (leg: LegId) => void;
  legId: () => LegId | null;
}

export class HallStore {
  readonly link: Link;
  readonly meeting = signal<MeetingInfo | null>(null);
  readonly meetings = signal<MeetingRow[]>([]);
  /** Ids in the order of the roster, as on the wall: nothing that happens in the meeting changes it. */
  readonly order = signal<readonly SeatId[]>([]);
  readonly speaking = signal<ReadonlySet<SeatId>>(new Set());
  readonly speakers = signal<Speaking[]>([]);
  readonly contacts = signal<ReadonlyMap<SeatId, RosterSeat>>(new Map());
  readonly role = signal("");
  /** What the server gives up just now; null: not told yet. */
  readonly load = signal<Load | null>(null);
  /** All seats as they are now, anew at every change: for counts, queues and filters. */
  readonly list = signal<readonly Seat[]>([]);
  readonly counts = computed(() => countSeats(this.list.value));
  private readonly seats = new Map<SeatId, Signal<Seat>>();
  private hall: Hall | null = null;
  private asked_at = 0;
  private attended: string | null = null;
  /** Counts the attempts, so that an answer that comes late knows that it is no longer meant. */
  private attending = 0;
  private readonly legs = new Set<LegHandler>();

  private named: LegId | null = null;
  private readonly listeners = new Set<(message: Message) => void>();

  constructor(page: "chair" | "technician") {
    this.link = new Link({
      page,
      leg: () => this.nameLeg(),
      ready: (answer) => this.ready(answer),
      push: (message) => this.take(message),
    });
  }

  /** A hello has room for one leg; others are opened anew after a break. */
  private nameLeg(): LegId | null {
    this.named = [...this.legs].map((leg) => leg.legId()).find((id) => id !== null) ?? null;
    return this.named;
  }

  onPush(listener: (message: Message) => void): void {
    this.listeners.add(listener);
  }

  addLeg(leg: LegHandler): () => void {
    this.legs.add(leg);
    return () => this.legs.delete(leg);
  }

  seat(id: SeatId): Signal<Seat> | undefined {
    return this.seats.get(id);
  }

  async do(name: string, fields: Record<string, unknown> = {}): Promise<boolean> {
    try {
      await this.link.request(name, fields);
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  }

  /** Watches a meeting, now or as soon as it can be. alive: the bridge still has the leg that hello named. */
  async attend(meeting: string, alive = false): Promise<void> {
    this.attended = meeting;
    const turn = ++this.attending;
    try {
      await this.link.request("attend", { meeting });
    } catch (error) {
      if (turn === this.attending) this.notAttended(error, meeting, alive);
      return;
    }
    this.legsBack(alive);
  }

  /** What passes is asked again: by the next hello when the line broke, by ourselves when it stands. */
  private notAttended(error: unknown, meeting: string, alive: boolean): void {
    if (!(error instanceof Fault) || !isPassing(error)) {
      complain(error);
      this.forgetMeeting();
      return;
    }
    const turn = this.attending;
    window.setTimeout(() => {
      if (turn === this.attending && this.attended === meeting && this.link.state.peek() === "open")
        void this.attend(meeting, alive);
    }, ASK_AGAIN_MS);
  }

  private legsBack(alive: boolean): void {
    this.legs.forEach((leg) => leg.linkBack(alive && leg.legId() === this.named));
  }

  async loadContacts(): Promise<void> {
    try {
      const answer = await api.get<{ seats: RosterSeat[] }>("roster");
      this.contacts.value = new Map(answer.seats.map((seat) => [seat.id, seat]));
    } catch (error) {
      // Without the roster the console still works; a session that ended is told by the link.
      if (error instanceof Fault && error.code !== "unreachable") complain(error);
    }
  }

  private ready(answer: Message): void {
    this.role.value = wordOf(answer["role"]);
    if (this.attended !== null) void this.attend(this.attended, answer["leg_alive"] === true);
    void this.loadContacts();
  }

  private take(message: Message): void {
    this.listeners.forEach((listener) => listener(message));
    switch (message.t) {
      case "snapshot":
        this.tookSnapshot(message as unknown as Snapshot);
        break;
      case "delta":
        this.tookDelta(message as unknown as Delta);
        break;
      case "meetings":
        this.tookMeetings(Array.isArray(message["meetings"]) ? (message["meetings"] as MeetingRow[]) : []);
        break;
      case "speaking":
        this.tookSpeaking(Array.isArray(message["seats"]) ? (message["seats"] as Speaking[]) : []);
        break;
      case "media-lost":
        this.legs.forEach((leg) => leg.mediaLost(legOf(message)));
        break;
      case "restart-ice":
        this.legs.forEach((leg) => leg.restartFor(message["leg"] as LegId));
        break;
      case "load":
        this.load.value = message as unknown as Load;
        break;
      case "alarm":
        say(wordOf(message["text"]) || t("fault.unknown"), true);
        break;
      default:
        break;
    }
  }

  /** With one open meeting nobody needs to be asked which. */
  private tookMeetings(meetings: MeetingRow[]): void {
    this.meetings.value = meetings;
    const open = meetings.filter((meeting) => meeting.state === "open");
    const [only] = open;
    if (
      this.attended !== null &&
      !meetings.some((meeting) => meeting.id === this.attended && meeting.state !== "ended")
    )
      this.forgetMeeting();
    if (this.attended === null && open.length === 1 && only !== undefined) void this.attend(only.id);
  }

  forgetMeeting(): void {
    this.attended = null;
    this.hall = null;
    batch(() => {
      this.meeting.value = null;
      this.speaking.value = new Set();
      this.speakers.value = [];
      this.seats.clear();
      this.order.value = [];
      this.list.value = [];
    });
  }

  private tookSnapshot(snapshot: Snapshot): void {
    const hall = hallOf(snapshot);
    this.hall = hall;
    batch(() => {
      this.meeting.value = hall.meeting;
      if (hall.meetings.length > 0) this.meetings.value = hall.meetings;
      for (const id of [...this.seats.keys()]) if (!hall.seats.has(id)) this.seats.delete(id);
      for (const seat of hall.seats.values()) this.put(seat);
      this.list.value = [...hall.seats.values()];
      this.takeOrder();
    });
    if (hall.meeting.state === "ended") this.forgetMeeting();
  }

  private tookDelta(delta: Delta): void {
    const applied = this.hall === null ? null : applyDelta(this.hall, delta);
    if (applied === null) {
      this.askSnapshot();
      return;
    }
    this.hall = applied.hall;
    batch(() => {
      this.meeting.value = applied.hall.meeting;
      for (const id of applied.changed) {
        const seat = applied.hall.seats.get(id);
        if (seat !== undefined) this.put(seat);
      }
      this.list.value = [...applied.hall.seats.values()];
      if (applied.membership) {
        for (const id of [...this.seats.keys()]) if (!applied.hall.seats.has(id)) this.seats.delete(id);
        this.takeOrder();
      }
    });
    if (applied.hall.meeting.state === "ended") this.forgetMeeting();
  }

  private askSnapshot(): void {
    if (performance.now() - this.asked_at < ASK_AGAIN_MS) return;
    this.asked_at = performance.now();
    this.link.request("snapshot").catch(() => undefined);
  }

  private put(seat: Seat): void {
    const known = this.seats.get(seat.id);
    if (known === undefined) this.seats.set(seat.id, signal(seat));
    else known.value = seat;
  }

  private takeOrder(): void {
    this.order.value = this.list.peek().map((seat) => seat.id);
  }

  private tookSpeaking(seats: Speaking[]): void {
    batch(() => {
      this.speakers.value = seats;
      const ids = seats.map((one) => one.seat);
      const before = this.speaking.peek();
      if (ids.length !== before.size || ids.some((id) => !before.has(id))) this.speaking.value = new Set(ids);
    });
  }
}

/** Consoles need a user: without one the way leads to the login. */
export const requireUser = async (
  roles: readonly string[],
): Promise<{ name: string; role: string } | null> => {
  for (;;) {
    try {
      const me = await api.get<Record<string, unknown>>("me");
      const user = me["user"];
      if (isObject(user) && roles.includes(wordOf(user["role"])))
        return { name: wordOf(user["name"]), role: wordOf(user["role"]) };
      break;
    } catch (error) {
      if (!(error instanceof Fault) || !isPassing(error)) break;
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
  location.replace("/");
  return null;
};
