// What the console looks at: the program or the wall, one receive-only leg. A change of view opens the new leg beside
// the old one and lets go of the old when the new picture is there: no black in between.
import { type Signal, effect, signal } from "@preact/signals";
import type { Fault, View } from "../../core/protocol";
import { Leg } from "../../media/leg";
import type { HallStore } from "../../net/hall";
import { complain } from "../../ui/toasts";
import type { Part } from "./part";

/** A new view that shows nothing for so long is shown as it is, words and all. */
const PATIENCE_MS = 4000;

export class Watch {
  readonly view: Signal<View> = signal<View>("program");
  readonly leg: Signal<Leg | null> = signal<Leg | null>(null);
  readonly listening = signal(false);
  private coming: { leg: Leg; drop: () => void } | null = null;
  private dropCurrent: (() => void) | null = null;
  private hall: HallStore | null = null;
  private own = true;
  /** The view whose picture is on the page; `view` may be one that is still on its way. */
  private seen: View = "program";

  begin(hall: HallStore, part: Part): void {
    this.hall = hall;
    // A console that takes part sees the program by the leg that it sends with.
    effect(() => {
      this.shared = part.leg.value;
      if (this.leg.peek() !== null && this.view.peek() === "program") this.show("program", true);
      if (this.shared !== null) this.listening.value = true;
    });
    effect(() => {
      const inMeeting = hall.meeting.value?.id;
      if (inMeeting === undefined) this.stop();
      else if (this.leg.peek() === null) this.show(this.view.peek());
    });
  }

  private shared: Leg | null = null;

  show(view: View, anew = false): void {
    const hall = this.hall;
    if (
      hall === null ||
      (!anew && this.leg.peek() !== null && this.view.peek() === view && this.coming === null)
    )
      return;
    this.view.value = view;
    this.forgetComing();
    if (view === "program" && this.shared !== null) {
      this.swap(this.shared, () => undefined, false);
      return;
    }
    const leg: Leg = new Leg(hall.link, "receive", view, (fault) => this.refused(leg, fault));
    const drop = hall.addLeg(leg);
    leg.want();
    if (this.leg.peek() === null || !this.own) this.swap(leg, drop, true);
    else this.swapWhenSeen(leg, drop);
  }

  /** The server cannot show this view now, and says why: what is seen stays. */
  private refused(leg: Leg, fault: Fault): void {
    complain(fault);
    if (this.coming?.leg === leg) {
      this.forgetComing();
      this.view.value = this.seen;
    } else if (this.leg.peek() === leg) {
      this.stop();
      if (this.view.peek() !== "program") this.show("program");
    }
  }

  private swapWhenSeen(leg: Leg, drop: () => void): void {
    this.coming = { leg, drop };
    const give = (): void => {
      if (this.coming?.leg !== leg) return;
      this.coming = null;
      this.swap(leg, drop, true);
    };
    const probe = document.createElement("video");
    probe.muted = true;
    const stopLooking = effect(() => {
      const stream = leg.stream.value;
      if (stream === null) return;
      probe.srcObject = stream;
      probe.play().catch(() => undefined);
    });
    const done = (): void => {
      clearTimeout(patience);
      stopLooking();
      probe.srcObject = null;
      give();
    };
    const patience = window.setTimeout(done, PATIENCE_MS);
    probe.addEventListener("loadeddata", done, { once: true });
  }

  private swap(leg: Leg, drop: () => void, own: boolean): void {
    const before = this.own ? this.leg.peek() : null;
    this.seen = this.view.peek();
    this.leg.value = leg;
    this.own = own;
    this.dropCurrent?.();
    this.dropCurrent = drop;
    before?.close();
  }

  private forgetComing(): void {
    this.coming?.drop();
    this.coming?.leg.close();
    this.coming = null;
  }

  private stop(): void {
    this.forgetComing();
    this.dropCurrent?.();
    this.dropCurrent = null;
    if (this.own) this.leg.peek()?.close();
    this.own = true;
    this.leg.value = null;
  }
}
