// The server's time and time zone. A room's computer is often minutes off; minutes and clocks here follow the server.
import { computed, signal } from "@preact/signals";
import type { Locale } from "../core/format";
import { language } from "../i18n";

const offset_ms = signal(0);
const timeZone = signal("Asia/Ho_Chi_Minh");
const tick = signal(Date.now());

export const setServerTime = (utc_ms: number, zone: string): void => {
  offset_ms.value = utc_ms - Date.now();
  if (zone !== "") timeZone.value = zone;
  tick.value = Date.now();
};

export const serverNow = (): number => Date.now() + offset_ms.peek();

/** The server's now, moving once a second. */
export const now = computed(() => tick.value + offset_ms.value);
/** The same to the millisecond, for what began within this second; read inside a component it moves with the seconds. */
export const nowExact = (): number => Math.max(now.value, serverNow());
export const locale = computed<Locale>(() => ({ language: language.value, timeZone: timeZone.value }));

const step = (): void => {
  tick.value = Date.now();
  window.setTimeout(step, 1000 - (serverNow() % 1000) + 5);
};
step();
