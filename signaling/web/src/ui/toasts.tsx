// Short messages at the foot of the page: what was refused and why, what was done.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { Fault } from "../core/protocol";
import { t } from "../i18n";
import { Button } from "./parts";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 7000;
const AT_ONCE = 3;
const shown = signal<Toast[]>([]);
let next_id = 1;

const close = (id: number): void => {
  shown.value = shown.peek().filter((toast) => toast.id !== id);
};

export const say = (text: string, bad = false): void => {
  const id = next_id++;
  const others = shown.peek().filter((toast) => toast.text !== text);
  shown.value = [...others.slice(1 - AT_ONCE), { id, text, bad }];
  setTimeout(() => close(id), SHOWN_MS);
};

/** For the end of a promise that a button began: the server's sentence, or ours. */
export const complain = (error: unknown): void => {
  say(error instanceof Fault ? error.message : t("fault.unknown"), true);
};

export const Toasts = (): JSX.Element => (
  <div class="toasts" role="status" aria-live="polite">
    {shown.value.map((toast) => (
      <div key={toast.id} class={`toast${toast.bad ? " bad" : ""}`}>
        <span class="grow">{toast.text}</span>
        <Button kind="quiet" icon="close" label={t("common.close")} onClick={() => close(toast.id)} />
      </div>
    ))}
  </div>
);
