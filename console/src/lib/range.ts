// Ranges of time as the address keeps them (`now-24h`, an instant, a day) and as one question asks them.
import { DAY, HOUR, MINUTE } from "./time";

export const PRESETS = ["now-15m", "now-1h", "now-24h", "now-7d", "now-30d"] as const;
export const DEFAULT_FROM = "now-24h";
const UNITS: Record<string, number> = { s: 1000, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** The instant of `now`, `now-24h` as of a moment, so that all parts of one question mean the same; others as they are. */
export function resolve(text: string, asOf: number): string {
  const found = /^now(?:-(\d+)([smhdw]))?$/.exec(text);
  if (!found) return text;
  const back = found[1] ? Number(found[1]) * (UNITS[found[2] ?? ""] ?? 0) : 0;
  return new Date(asOf - back).toISOString();
}
