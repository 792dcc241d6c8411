// Camera and microphone of this computer: asks once, says in a word what is wrong, takes a device back when it
// returns, remembers the choice. The page only sees signals.
import { computed, signal } from "@preact/signals";
import { type Trouble, retryAfter, troubleOf } from "../core/trouble";
import { remember, remembered } from "../ui/memory";

export type Kind = "audio" | "video";

export interface Choice {
  id: string;
  label: string;
  /** Of what is in one box; also behind "default", which is another device from one day to the next. */
  group: string;
}

/** Which device a track is or was of. */
type Which = Pick<Choice, "id" | "group">;

const CONSTRAINTS: Record<Kind, MediaTrackConstraints> = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } },
};

const DEVICE_KIND: Record<Kind, MediaDeviceKind> = { audio: "audioinput", video: "videoinput" };
const PERMISSION: Record<Kind, string> = { audio: "microphone", video: "camera" };

const ALIASES: readonly string[] = ["default", "communications"];

const isSame = (choice: Which, other: Which): boolean =>
  choice.id === other.id || (ALIASES.includes(other.id) && choice.group === other.group);

const whichOf = (track: MediaStreamTrack): Which => {
  const { deviceId = "", groupId = "" } = track.getSettings();
  return { id: deviceId, group: groupId };
};

const nameOf = (error: unknown): string => (error instanceof DOMException ? error.name : "");

/** Plain http elsewhere than on this machine has no mediaDevices, whatever the type says. */
const devices = (): MediaDevices | null =>
  (navigator as { mediaDevices?: MediaDevices }).mediaDevices ?? null;

class Device {
  readonly track = signal<MediaStreamTrack | null>(null);
  readonly trouble = signal<Trouble | null>(null);
  readonly choices = signal<Choice[]>([]);
  readonly asking = signal(false);
  wanted = false;
  /** Those that went while they were in use, the first one first: each is taken again rather than what replaced it. */
  private lost: Which[] = [];
  private timer: number | undefined;

  constructor(
    readonly kind: Kind,
    private readonly retry: (kind: Kind) => void,
  ) {}

  take(track: MediaStreamTrack): void {
    clearTimeout(this.timer);
    if (!this.wanted) {
      // Dropped while the browser was still asking.
      release(track);
      return;
    }
    const before = this.track.peek();
    this.trouble.value = null;
    this.track.value = track;
    track.onended = () => {
      if (this.track.peek() !== track) return;
      this.track.value = null;
      this.loses(whichOf(track));
      this.fail("unplugged");
      // Another one may be there already.
      this.timer = window.setTimeout(() => this.retry(this.kind), 500);
    };
    if (before !== null && before !== track) release(before);
  }

  private loses(which: Which): void {
    if (!this.lost.some((one) => one.id === which.id && one.group === which.group)) this.lost.push(which);
  }

  /** The user's word is newer than what was lost. */
  choose(id: string): void {
    remember(`device.${this.kind}`, id);
    this.lost = [];
    // Some systems open a camera once only: let go before taking the other.
    const track = this.track.peek();
    if (track !== null) release(track);
    this.track.value = null;
  }

  /** The one to take, of those that are there; null: whichever the browser thinks best. */
  private favourite(): string | null {
    const chosen = remembered(`device.${this.kind}`);
    const choices = this.choices.peek();
    if (choices.some((one) => one.id === chosen)) return chosen;
    for (const lost of this.lost) {
      const back = choices.find((one) => !ALIASES.includes(one.id) && isSame(one, lost));
      if (back !== undefined) return back.id;
    }
    return null;
  }

  constraints(): MediaTrackConstraints {
    const id = this.favourite() ?? remembered(`device.${this.kind}`);
    return id === null ? CONSTRAINTS[this.kind] : { ...CONSTRAINTS[this.kind], deviceId: { ideal: id } };
  }

  /** Is there something to ask for: any device, or a better one than the one in use? */
  lacks(): boolean {
    const track = this.track.peek();
    if (!this.wanted || track === null) return this.wanted;
    const favourite = this.favourite();
    const choice = this.choices.peek().find((one) => one.id === favourite);
    return choice !== undefined && !isSame(choice, whichOf(track));
  }

  /** No longer wanted: nothing is asked for until it is again. */
  drop(): void {
    this.wanted = false;
    clearTimeout(this.timer);
    const track = this.track.peek();
    if (track !== null) release(track);
    this.track.value = null;
    this.trouble.value = null;
  }

  fail(trouble: Trouble): void {
    // "missing" right after it was pulled out is still "unplugged" to the user.
    if (!(trouble === "missing" && this.trouble.peek() === "unplugged")) this.trouble.value = trouble;
    clearTimeout(this.timer);
    const wait = retryAfter(trouble);
    if (wait !== null) this.timer = window.setTimeout(() => this.retry(this.kind), wait);
  }
}

const release = (track: MediaStreamTrack): void => {
  track.onended = null;
  track.stop();
};

export class Capture {
  readonly audio = new Device("audio", (kind) => void this.ask([kind]));
  readonly video = new Device("video", (kind) => void this.ask([kind]));
  readonly speakers = signal<Choice[]>([]);
  readonly speaker = signal<string>(remembered("device.speaker") ?? "");
  /** Where the sound goes: to the speaker that was chosen, while it is not there to the system's own (""). */
  readonly sink = computed(() => {
    const there = this.speakers.value;
    const isThere = there.length === 0 || there.some((one) => one.id === this.speaker.value);
    return isThere ? this.speaker.value : "";
  });
  /** Asked for while a question was still with the browser: the next question. */
  private readonly due = new Set<Kind>();
  private busy = false;
  private started = false;

  /** Lets go of both devices; start() takes them again. */
  stop(): void {
    this.audio.drop();
    this.video.drop();
  }

  /** Begins: asks for both at once, so that the browser asks the user once. */
  async start(): Promise<void> {
    const media = devices();
    if (media === null) {
      this.audio.fail("insecure");
      this.video.fail("insecure");
      return;
    }
    if (!this.started) {
      this.started = true;
      media.addEventListener("devicechange", () => void this.changed());
      for (const kind of ["audio", "video"] as const) void this.watchPermission(kind);
    }
    this.audio.wanted = this.video.wanted = true;
    const there = await this.list();
    const kinds = (["audio", "video"] as const).filter((kind) => {
      if (there[kind] > 0) return true;
      this.device(kind).fail("missing");
      return false;
    });
    await this.ask(kinds);
  }

  device(kind: Kind): Device {
    return kind === "audio" ? this.audio : this.video;
  }

  /** The user chose another device. */
  async choose(kind: Kind, id: string): Promise<void> {
    this.device(kind).choose(id);
    await this.ask([kind]);
  }

  chooseSpeaker(id: string): void {
    remember("device.speaker", id);
    this.speaker.value = id;
  }

  /** "Thử lại": asks for whatever is not there. */
  async again(): Promise<void> {
    const kinds = (["audio", "video"] as const).filter((kind) => this.device(kind).track.peek() === null);
    if (devices() !== null) await this.ask(kinds);
  }

  private async ask(kinds: readonly Kind[]): Promise<void> {
    const media = devices();
    if (media === null) return;
    for (const kind of kinds) this.due.add(kind);
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.due.size > 0) await this.askDue(media);
    } finally {
      this.busy = false;
    }
    await this.list();
  }

  private async askDue(media: MediaDevices): Promise<void> {
    const kinds = [...this.due].filter((kind) => this.device(kind).lacks());
    this.due.clear();
    if (kinds.length === 0) return;
    for (const kind of kinds) this.device(kind).asking.value = true;
    try {
      await this.askTogether(media, kinds);
    } finally {
      for (const kind of kinds) {
        this.device(kind).asking.value = false;
        // The user has just said no: what asked meanwhile has its answer.
        if (this.device(kind).trouble.peek() === "refused") this.due.delete(kind);
      }
    }
  }

  private async askTogether(media: MediaDevices, kinds: readonly Kind[]): Promise<void> {
    const wanted: MediaStreamConstraints = {};
    for (const kind of kinds) wanted[kind] = this.device(kind).constraints();
    try {
      const stream = await media.getUserMedia(wanted);
      for (const kind of kinds) {
        const track = stream.getTracks().find((one) => one.kind === kind);
        if (track === undefined) this.device(kind).fail("unknown");
        else this.device(kind).take(track);
      }
    } catch (error) {
      const trouble = troubleOf(nameOf(error));
      const [only] = kinds;
      if (kinds.length === 1 && only !== undefined) this.device(only).fail(trouble);
      else if (trouble === "refused" && !(await this.oneIsAllowed()))
        for (const kind of kinds) this.device(kind).fail(trouble);
      else for (const kind of kinds) await this.askTogether(media, [kind]);
    }
  }

  /** After a refusal of both: is one of them allowed on its own? Browsers that cannot say are asked no second time. */
  private async oneIsAllowed(): Promise<boolean> {
    const states = await Promise.all((["audio", "video"] as const).map(permissionOf));
    return states.some((state) => state?.state === "granted");
  }

  private async list(): Promise<Record<Kind, number>> {
    const found = await devices()
      ?.enumerateDevices()
      .catch(() => null);
    // Who cannot list may still ask.
    if (!found) return { audio: 1, video: 1 };
    const of = (kind: MediaDeviceKind): Choice[] =>
      found
        .filter((one) => one.kind === kind && one.deviceId !== "")
        .map((one) => ({ id: one.deviceId, label: one.label, group: one.groupId }));
    this.audio.choices.value = of("audioinput");
    this.video.choices.value = of("videoinput");
    this.speakers.value = of("audiooutput");
    return {
      audio: found.filter((one) => one.kind === DEVICE_KIND.audio).length,
      video: found.filter((one) => one.kind === DEVICE_KIND.video).length,
    };
  }

  /** Something was plugged in or out. */
  private async changed(): Promise<void> {
    await this.list();
    const kinds = (["audio", "video"] as const).filter(
      (kind) => this.device(kind).trouble.peek() !== "refused" && this.device(kind).lacks(),
    );
    await this.ask(kinds);
  }

  private async watchPermission(kind: Kind): Promise<void> {
    const status = await permissionOf(kind);
    if (status === null) return;
    status.onchange = () => {
      if (status.state !== "denied" && this.device(kind).wanted && this.device(kind).track.peek() === null)
        void this.ask([kind]);
    };
  }
}

const permissionOf = async (kind: Kind): Promise<PermissionStatus | null> => {
  try {
    return await navigator.permissions.query({ name: PERMISSION[kind] as PermissionName });
  } catch {
    return null;
  }
};
