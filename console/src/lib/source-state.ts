// The state of a source in words and tone: what it does, and what is wrong with what it sends.
import type { Schemas } from "../api/client";
import type { Tone } from "../parts/severity";
import type { Speech } from "../words";
import { duration, near } from "./time";

export type Source = Schemas["SourceRow"];
export const STATES = ["sending", "silent", "never", "undeclared"] as const;
const SKEW = 60;

export function isSkewed(source: Source): boolean {
  return source.wrong_zone_minutes === null && source.offset_seconds !== null && Math.abs(source.offset_seconds) >= SKEW;
}

export function stateOf(source: Source, { t, named, language }: Speech): { tone: Tone; text: string } {
  const word = named("common.source_state", source.state);
  const name = word.charAt(0).toUpperCase() + word.slice(1);
  if (source.maintenance) return { tone: "muted", text: `${name} · ${t("source.maintenance", { at: near(Date.parse(source.maintenance.end_at), Date.now(), language) })}` };
  if (source.state === "never") return { tone: "critical", text: name };
  if (source.state === "silent") {
    return { tone: "high", text: source.silent_seconds === null ? name : `${name} ${duration(source.silent_seconds * 1000, language)}` };
  }
  const wrong = [
    source.wrong_zone_minutes !== null && t("source.wrong_zone"),
    isSkewed(source) && t("source.skew"),
    source.missing_datasets.length > 0 && t("source.missing"),
    !source.balance.holds && t("source.imbalance"),
  ].filter((text) => typeof text === "string");
  if (wrong.length > 0) return { tone: "medium", text: [name, ...wrong].join(" · ") };
  return { tone: source.state === "undeclared" ? "low" : "good", text: name };
}

/** How far its clock is off: `+0,1 s`, `−7 giờ`. */
export function offsetText(source: Source, { n, language }: Speech): string {
  const seconds = source.offset_seconds;
  if (seconds === null) return "–";
  // a sign before a zero says nothing
  if (Math.abs(seconds) < 0.05) return `${n(0, 1)} s`;
  if (Math.abs(seconds) < SKEW) return `${seconds < 0 ? "−" : "+"}${n(Math.abs(seconds), 1)} s`;
  return `${seconds < 0 ? "" : "+"}${duration(seconds * 1000, language)}`;
}

/** What was lost on the way by its own numbers: `không rõ`, `0`, `48 bản ghi luồng`. */
export function lostText(said: Schemas["Said"], { t }: Speech): string {
  if (!said.is_known) return t("common.lost.unknown");
  const lost = UNITS.flatMap((unit) => (said.lost[unit] ? [t(`common.lost.${unit}`, { count: said.lost[unit] })] : []));
  return lost.length > 0 ? lost.join(" · ") : t("common.lost.none");
}

const UNITS = ["records", "datagrams", "messages"] as const;

/** The buckets of the first balance, in the order in which they are added up. */
export const BUCKETS = ["parsed", "unparsed", "ignored", "duplicates", "waiting"] as const;

/** What needs a person first: silent, never sent, wrong in some way, undeclared, well. */
export function gravity(source: Source): number {
  if (source.maintenance) return 3;
  if (source.state === "silent") return 0;
  if (source.state === "never") return 1;
  if (source.state === "undeclared") return 3;
  const isWrong = source.wrong_zone_minutes !== null || isSkewed(source) || source.missing_datasets.length > 0 || !source.balance.holds;
  return isWrong ? 2 : 4;
}
