// A list whose rows do not move while a finger or the mouse is on it.
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { settle } from "../core/order";
import type { SeatId } from "../core/protocol";

const AFTER_TOUCH_MS = 1200;

export class Held {
  readonly held: Signal<boolean> = signal(false);
  private timer: number | undefined;

  readonly handlers = {
    onPointerEnter: (): void => this.hold(),
    onPointerDown: (): void => this.hold(),
    onPointerLeave: (event: PointerEvent): void =>
      this.release(event.pointerType === "mouse" ? 0 : AFTER_TOUCH_MS),
    onPointerCancel: (): void => this.release(AFTER_TOUCH_MS),
  };

  private hold(): void {
    clearTimeout(this.timer);
    this.held.value = true;
  }

  private release(after_ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.held.value = false), after_ms);
  }
}

interface Props {
  ids: ReadonlySignal<readonly SeatId[]>;
  /** A change of this (a search, a filter that the user chose) redraws the list at once, held or not. */
  question: string;
  class?: string;
  id?: string;
  row: (id: SeatId) => JSX.Element;
  empty?: ComponentChildren;
}

export const SteadyList = (props: Props): JSX.Element => {
  const held = useMemo(() => new Held(), []);
  const memory = useMemo<{ shown: readonly SeatId[]; question: string }>(
    () => ({ shown: [], question: "" }),
    [],
  );
  const isHeld = held.held.value && memory.question === props.question;
  memory.shown = settle(memory.shown, props.ids.value, isHeld);
  memory.question = props.question;
  return (
    <div id={props.id} class={`list ${props.class ?? ""}`} role="list" {...held.handlers}>
      {memory.shown.length === 0 ? props.empty : memory.shown.map((id) => props.row(id))}
    </div>
  );
};
