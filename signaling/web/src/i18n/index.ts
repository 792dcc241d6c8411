// Words of the interface. Vietnamese is the reference; a key that English lacks does not compile.
import { signal } from "@preact/signals";
import { remember, remembered } from "../ui/memory";
import en from "./en.json";
import vi from "./vi.json";

export type Key = keyof typeof vi;
export type Language = "vi" | "en";

const TABLES: Record<Language, Record<Key, string>> = { vi, en };

const initial = (): Language => (remembered("language") === "en" ? "en" : "vi");

export const language = signal<Language>(initial());
document.documentElement.lang = language.peek();

export const setLanguage = (to: Language): void => {
  language.value = to;
  document.documentElement.lang = to;
  remember("language", to);
};

/** A sentence with its {names} filled in. Read inside a component it follows the language. */
export const t = (key: Key, values: Record<string, string | number> = {}): string =>
  TABLES[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
