// Times as people read them: in the house's zone, with UTC beside it where it is asked for.
import type { Language } from "../words";

export const ZONE = "Asia/Ho_Chi_Minh";
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

type Parts = Record<"year" | "month" | "day" | "hour" | "minute" | "second", string>;
const formats = new Map<string, Intl.DateTimeFormat>();

function parts(at: number, zone: string): Parts {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(at).map((p) => [p.type, p.value])) as Parts;
}

/** `25/11/2026` or `2026-11-25`. */
export function day(at: number, language: Language, zone = ZONE): string {
  const p = parts(at, zone);
  return language === "vi" ? `${p.day}/${p.month}/${p.year}` : `${p.year}-${p.month}-${p.day}`;
}

/** A day as rules have it (`2026-11-25`, `2026/11/25`) in the language; else as it is. */
export function written(date: string, language: Language): string {
  const at = Date.parse(date.replaceAll("/", "-"));
  return Number.isNaN(at) ? date : day(at, language, "UTC");
}

/** `14:30:51`. */
export function clock(at: number, zone = ZONE): string {
  const p = parts(at, zone);
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** `25/11/2026 14:30:51` or `2026-11-25 14:30:51`. */
export function moment(at: number, language: Language, zone = ZONE): string {
  return `${day(at, language, zone)} ${clock(at, zone)}`;
}

/** The clock alone for today, the day and minute for others: `14:30:51`, `24/11 14:30`. */
export function near(at: number, now: number, language: Language, zone = ZONE): string {
  const p = parts(at, zone);
  const q = parts(now, zone);
  if (p.year === q.year && p.month === q.month && p.day === q.day) return clock(at, zone);
  const date = language === "vi" ? `${p.day}/${p.month}` : `${p.month}-${p.day}`;
  return p.year === q.year ? `${date} ${p.hour}:${p.minute}` : day(at, language, zone);
}

/** From first to last: `14:30:51`, `09:12 → 09:31`, `24/11 21:20 → 22:48`, `24/11 → 25/11`. */
export function span(first: number, last: number, now: number, language: Language, zone = ZONE): string {
  const [from, to] = [near(first, now, language, zone), near(last, now, language, zone)];
  if (from === to) return from;
  const [fromDay, fromClock] = from.includes(" ") ? from.split(" ") : ["", from];
  const [toDay, toClock] = to.includes(" ") ? to.split(" ") : ["", to];
  if (fromDay !== toDay) return `${fromDay || day(first, language, zone).slice(0, 5)} → ${toDay || toClock?.slice(0, 5)}`;
  const [begin, end] = [fromClock?.slice(0, 5), toClock?.slice(0, 5)];
  if (begin === end) return from;
  return `${fromDay ? `${fromDay} ` : ""}${begin} → ${end}`;
}

/** `2026-11-25 07:30:51.123 UTC`, for the title of a time. */
export function utc(at: number): string {
  return `${new Date(at).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** An instant as a bound of a question that ends just there: to the microsecond, for what is written shorter is taken whole. */
export function exactly(at: number): string {
  return new Date(at).toISOString().replace("Z", "000Z");
}

/** How long, in at most two units: `50 phút`, `2 giờ 05 phút`, `12 s`. */
export function duration(millis: number, language: Language): string {
  const [d, h, m, s] = language === "vi" ? ["ngày", "giờ", "phút", "giây"] : ["d", "h", "min", "s"];
  const seconds = Math.round(Math.abs(millis) / 1000);
  const sign = millis < 0 ? "−" : "";
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${sign}${seconds} ${s}`;
  if (seconds < 3600) {
    const rest = seconds < 600 && seconds % 60 ? ` ${two(seconds % 60)} ${s}` : "";
    return `${sign}${Math.floor(seconds / 60)} ${m}${rest}`;
  }
  if (seconds < 86_400) {
    const rest = Math.floor((seconds % 3600) / 60);
    return `${sign}${Math.floor(seconds / 3600)} ${h}${rest ? ` ${two(rest)} ${m}` : ""}`;
  }
  const rest = Math.floor((seconds % 86_400) / 3600);
  return `${sign}${Math.floor(seconds / 86_400)} ${d}${rest ? ` ${rest} ${h}` : ""}`;
}

/** The wall clock of the zone as if it were UTC, in milliseconds. */
function wall(at: number, zone: string): number {
  const p = parts(at, zone);
  return Date.parse(`${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}Z`);
}

/**
 * The instant of what a person typed in the house's zone: `25/11/2026 14:30`, `25/11/2026 14:30:51`, or the same as
 * `2026-11-25 14:30`; a day alone begins at midnight. NaN when it is no time.
 */
export function typed(text: string, zone = ZONE): number {
  const found = /^\s*(?:(\d{1,2})\/(\d{1,2})\/(\d{4})|(\d{4})-(\d{2})-(\d{2}))(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?\s*$/.exec(text);
  if (!found) return Number.NaN;
  const [, d, m, y, year, month, date, hour = "0", minute = "0", second = "0"] = found;
  const whole = [y ?? year, m ?? month, d ?? date, hour, minute, second].map(Number) as [number, number, number, number, number, number];
  const at = Date.UTC(whole[0], whole[1] - 1, ...(whole.slice(2) as [number, number, number, number]));
  const same = new Date(at);
  // 31/02 or 25:00 would quietly become another time
  if (same.getUTCDate() !== whole[2] || same.getUTCMonth() !== whole[1] - 1 || same.getUTCHours() !== whole[3] || same.getUTCMinutes() !== whole[4]) return Number.NaN;
  const offset = (instant: number) => wall(instant, zone) - Math.floor(instant / 1000) * 1000;
  // twice, since the first guess may lie on the other side of a change of the zone
  const guess = at - offset(at);
  return at - offset(guess);
}
