// What persons do to alerts, each with its way back.
import type { Text } from "../words";
import { api, data, type Schemas } from "./client";

export type Group = Schemas["AlertGroup"];
export type Verdict = Schemas["Verdict"];
export const VERDICTS: readonly Verdict[] = ["true_positive", "benign", "false_positive", "duplicate"];
export type Change =
  | { kind: "acknowledge" }
  | { kind: "assign"; assignee: string | null }
  | { kind: "close"; verdict: Verdict; reason: string };

const AT_ONCE = 1000;

/** A row's name: it says itself in the address too. */
export const groupKey = (group: Group): string => `${group.rule_id}|${group.host}`;
export const titleOf = (group: Group): Text => group.newest.rule_title;

/** All alerts of a group that the filter takes, also those past the 200 that the group itself names. */
export async function idsOf(group: Group, filter: { status?: Schemas["AlertStatus"][]; min_level?: Schemas["Level"]; rule?: string; host?: string }): Promise<number[]> {
  if (group.alerts <= group.ids.length) return group.ids;
  const ids: number[] = [];
  let cursor: string | null | undefined = undefined;
  do {
    const query = { ...filter, rule: group.rule_id || filter.rule, host: group.host || filter.host, limit: 500, cursor };
    const page: Schemas["AlertPage"] = await data(api.GET("/api/v1/alerts", { params: { query } }));
    ids.push(...page.items.map((alert) => alert.id));
    cursor = page.cursor;
  } while (cursor);
  return ids;
}

/** Changes alerts, a thousand at a time; returns how many changed and the journal's entries to undo. */
export async function changeAlerts(ids: readonly number[], change: Change): Promise<{ count: number; entries: number[] }> {
  let count = 0;
  const entries: number[] = [];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const part = ids.slice(start, start + AT_ONCE);
    const changed = await data(
      change.kind === "acknowledge"
        ? api.POST("/api/v1/alerts/acknowledge", { body: { ids: part } })
        : change.kind === "assign"
          ? api.POST("/api/v1/alerts/assign", { body: { ids: part, assignee: change.assignee } })
          : api.POST("/api/v1/alerts/close", { body: { ids: part, verdict: change.verdict, reason: change.reason } }),
    );
    count += changed.alerts.length;
    if (changed.entry !== null) entries.push(changed.entry);
  }
  return { count, entries };
}

/** Puts back what the entries changed, the last first. */
export async function undoAlerts(entries: readonly number[]): Promise<void> {
  for (const entry of entries.toReversed()) await data(api.POST("/api/v1/alerts/undo", { body: { entry } }));
}
