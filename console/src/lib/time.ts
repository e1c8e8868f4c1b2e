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

/** A local time as `<input type="datetime-local">` writes it, in the house's zone. */
export function toInput(at: number, zone = ZONE): string {
  const p = parts(at, zone);
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}`;
}

/** The instant of such a text in the house's zone; NaN when it is none. */
export function fromInput(text: string, zone = ZONE): number {
  const wall = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  if (Number.isNaN(wall)) return Number.NaN;
  const offset = (at: number) => Date.parse(`${toInput(at, zone)}Z`) - at;
  // twice, since the first guess may lie on the other side of a change of the zone
  const guess = wall - offset(wall);
  return wall - offset(guess);
}
