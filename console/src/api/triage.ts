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

/** Alerts by id, each with the version that was seen: what somebody else changed since is not written over. */
export type Seen = ReadonlyMap<number, number>;

export interface Filter {
  status?: Schemas["AlertStatus"][];
  min_level?: Schemas["Level"];
  text?: string;
  assignee?: string;
  host?: string;
  rule?: string;
  entity?: string;
  incident?: number;
}

/** All alerts that a filter takes. */
export async function allOf(filter: Filter): Promise<Seen> {
  const seen = new Map<number, number>();
  let cursor: string | null | undefined = undefined;
  do {
    const page: Schemas["AlertPage"] = await data(api.GET("/api/v1/alerts", { params: { query: { ...filter, limit: 500, cursor } } }));
    for (const alert of page.items) seen.set(alert.id, alert.version);
    cursor = page.cursor;
  } while (cursor);
  return seen;
}

/** All alerts of a group that the filter takes, also those past the 200 that the group itself names. */
export async function seenOf(group: Group, filter: Filter): Promise<Seen> {
  if (group.alerts > group.ids.length) return allOf({ ...filter, rule: group.rule_id || filter.rule, host: group.host || filter.host });
  return new Map(group.ids.map((id, at) => [id, group.versions[at] ?? 0]));
}

// a row hears of one's own change a moment after it: until then what one did oneself is no conflict
const own = new Map<number, number>();

function remember(changed: Schemas["Changed"]): Schemas["Changed"] {
  for (const alert of changed.alerts) own.set(alert.id, alert.version);
  return changed;
}

/**
 * Changes alerts, a thousand at a time: all of them or none. Returns how many changed and the journal's entries to undo. Throws Failure of a
 * conflict where somebody changed one since it was seen.
 */
export async function changeAlerts(seen: Seen, change: Change): Promise<{ count: number; entries: number[] }> {
  let count = 0;
  const entries: number[] = [];
  const all = [...seen].map(([id, version]) => [id, Math.max(version, own.get(id) ?? 0)] as const);
  try {
    for (let start = 0; start < all.length; start += AT_ONCE) {
      const part = all.slice(start, start + AT_ONCE);
      const chosen = { ids: part.map(([id]) => id), versions: Object.fromEntries(part) };
      const changed = remember(
        await data(
          change.kind === "acknowledge"
            ? api.POST("/api/v1/alerts/acknowledge", { body: chosen })
            : change.kind === "assign"
              ? api.POST("/api/v1/alerts/assign", { body: { ...chosen, assignee: change.assignee } })
              : api.POST("/api/v1/alerts/close", { body: { ...chosen, verdict: change.verdict, reason: change.reason } }),
        ),
      );
      count += changed.alerts.length;
      if (changed.entry !== null) entries.push(changed.entry);
    }
  } catch (error) {
    await undoAlerts(entries);
    throw error;
  }
  return { count, entries };
}

/** Puts back what the entries changed, the last first. */
export async function undoAlerts(entries: readonly number[]): Promise<void> {
  for (const entry of entries.toReversed()) remember(await data(api.POST("/api/v1/alerts/undo", { body: { entry } })));
}
