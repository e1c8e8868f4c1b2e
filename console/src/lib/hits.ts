// Hits of a rule by day: how many of the days were counted, and what they come to.
import type { Schemas } from "../api/client";

type Days = Pick<Schemas["RulePage"], "days" | "counted_from">;

/** The place of the first day that was counted; of other kinds than rules every day was, as their alerts are rows of their own. */
export function countedFrom({ days, counted_from: first }: Days, kind: Schemas["RuleRow"]["kind"]): number {
  if (kind !== "rule") return 0;
  return first === null ? days.length : Math.max(0, days.indexOf(first));
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
