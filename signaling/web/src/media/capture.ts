// Camera and microphone of this computer: asks once, says in a word what is wrong, takes a device back when it
// returns, remembers the choice. The page only sees signals.
import { signal } from "@preact/signals";
import { type Trouble, retryAfter, troubleOf } from "../core/trouble";
import { remember, remembered } from "../ui/memory";

export type Kind = "audio" | "video";

export interface Choice {
  id: string;
  label: string;
}

const CONSTRAINTS: Record<Kind, MediaTrackConstraints> = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } },
};

const DEVICE_KIND: Record<Kind, MediaDeviceKind> = { audio: "audioinput", video: "videoinput" };
const PERMISSION: Record<Kind, string> = { audio: "microphone", video: "camera" };

const constraintsOf = (kind: Kind): MediaTrackConstraints => {
  const id = remembered(`device.${kind}`);
  return id === null ? CONSTRAINTS[kind] : { ...CONSTRAINTS[kind], deviceId: { ideal: id } };
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
      this.fail("unplugged");
      // Another one may be there already.
      this.timer = window.setTimeout(() => this.retry(this.kind), 500);
    };
    if (before !== null && before !== track) release(before);
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
    remember(`device.${kind}`, id);
    const track = this.device(kind).track.peek();
    // Some systems open a camera once only: let go before taking the other.
    if (track !== null) {
      release(track);
      this.device(kind).track.value = null;
    }
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
    if (media === null || kinds.length === 0 || this.busy) return;
    this.busy = true;
    for (const kind of kinds) this.device(kind).asking.value = true;
    try {
      await this.askTogether(media, kinds);
    } finally {
      this.busy = false;
      for (const kind of kinds) this.device(kind).asking.value = false;
    }
    await this.list();
  }

  private async askTogether(media: MediaDevices, kinds: readonly Kind[]): Promise<void> {
    const wanted: MediaStreamConstraints = {};
    for (const kind of kinds) wanted[kind] = constraintsOf(kind);
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
        .map((one) => ({ id: one.deviceId, label: one.label }));
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
    for (const kind of ["audio", "video"] as const) {
      const device = this.device(kind);
      if (!device.wanted) continue;
      const track = device.track.peek();
      const favourite = remembered(`device.${kind}`);
      const isBack =
        track !== null &&
        favourite !== null &&
        track.getSettings().deviceId !== favourite &&
        device.choices.peek().some((one) => one.id === favourite);
      if ((track === null && device.trouble.peek() !== "refused") || isBack) await this.ask([kind]);
    }
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
