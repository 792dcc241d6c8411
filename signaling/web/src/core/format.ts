// Dates, times and numbers as Vietnam (or an English reader) writes them, in the time zone that the server names.

export interface Locale {
  language: "vi" | "en";
  timeZone: string;
}

const cache = new Map<string, Intl.DateTimeFormat>();

const formatter = (locale: Locale, key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => {
  const name = `${locale.language} ${locale.timeZone} ${key}`;
  let found = cache.get(name);
  if (found === undefined) {
    const tag = locale.language === "vi" ? "vi-VN" : "en-GB";
    try {
      found = new Intl.DateTimeFormat(tag, { ...options, timeZone: locale.timeZone });
    } catch {
      // A zone that this browser does not know must not take the page down.
      found = new Intl.DateTimeFormat(tag, { ...options, timeZone: "Asia/Ho_Chi_Minh" });
    }
    cache.set(name, found);
  }
  return found;
};

const parts = (format: Intl.DateTimeFormat, at_ms: number): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const part of format.formatToParts(at_ms)) found[part.type] = part.value;
  return found;
};

/** 1,4 in Vietnamese, 1.4 in English. */
export const decimal = (value: number, language: string): string =>
  value.toFixed(1).replace(".", language === "vi" ? "," : ".");

/** 14:05 */
export const timeOfDay = (at_ms: number, locale: Locale): string => {
  const p = parts(formatter(locale, "hm", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }), at_ms);
  return `${p["hour"] ?? ""}:${p["minute"] ?? ""}`;
};

/** 14:05:09 */
export const clockTime = (at_ms: number, locale: Locale): string => {
  const format = formatter(locale, "hms", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const p = parts(format, at_ms);
  return `${p["hour"] ?? ""}:${p["minute"] ?? ""}:${p["second"] ?? ""}`;
};

/** 22/11/2026 in both languages: that is how the province writes it. */
export const shortDate = (at_ms: number, locale: Locale): string => {
  const p = parts(formatter(locale, "d", { day: "2-digit", month: "2-digit", year: "numeric" }), at_ms);
  return `${p["day"] ?? ""}/${p["month"] ?? ""}/${p["year"] ?? ""}`;
};

const WEEKDAYS_VI: Record<string, string> = {
  Mon: "Thứ Hai",
  Tue: "Thứ Ba",
  Wed: "Thứ Tư",
  Thu: "Thứ Năm",
  Fri: "Thứ Sáu",
  Sat: "Thứ Bảy",
  Sun: "Chủ nhật",
};

/** "Chủ nhật, ngày 22/11/2026", "Sunday, 22/11/2026" */
export const longDate = (at_ms: number, locale: Locale): string => {
  const english: Locale = { language: "en", timeZone: locale.timeZone };
  if (locale.language === "en") {
    const day = formatter(english, "weekday", { weekday: "long" }).format(at_ms);
    return `${day}, ${shortDate(at_ms, locale)}`;
  }
  const day = formatter(english, "wd", { weekday: "short" }).format(at_ms);
  return `${WEEKDAYS_VI[day] ?? day}, ngày ${shortDate(at_ms, locale)}`;
};

/** "14:05 ngày 22/11/2026" */
export const dateTime = (at_ms: number, locale: Locale): string =>
  locale.language === "vi"
    ? `${timeOfDay(at_ms, locale)} ngày ${shortDate(at_ms, locale)}`
    : `${timeOfDay(at_ms, locale)}, ${shortDate(at_ms, locale)}`;

/** 0:07, 12:40, 1:02:03 */
export const duration = (span_ms: number): string => {
  const all_s = Math.max(0, Math.floor(span_ms / 1000));
  const s = all_s % 60;
  const m = Math.floor(all_s / 60) % 60;
  const h = Math.floor(all_s / 3600);
  const two = (n: number): string => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

/** A share in [0, 1] as per cent, with the comma of the language: 0.125 -> "12,5 %". */
export const percent = (share: number, locale: Locale): string => {
  const value = Math.max(0, share) * 100;
  const digits = value > 0 && value < 10 ? 1 : 0;
  const text = value.toFixed(digits).replace(/\.0$/, "");
  return `${locale.language === "vi" ? text.replace(".", ",") : text} %`;
};

/** What a time from the server is, whichever way it is written: milliseconds, seconds or ISO 8601. */
export const momentOf = (value: unknown): number | null => {
  if (typeof value === "number" && Number.isFinite(value) && value > 0)
    return value < 1e11 ? value * 1000 : value;
  if (typeof value === "string" && value !== "") {
    const parsed = Date.parse(value);
    return Number.isNaN(parsed) ? null : parsed;
  }
  return null;
};
