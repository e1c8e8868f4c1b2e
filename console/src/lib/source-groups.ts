// Sources by what they belong to: a head before each group, the groups that need a person first.
import { gravity, type Source, STATES } from "./source-state";

export const GROUPINGS = ["system", "agency", "place"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface GroupHead {
  /** What the members have in common; empty of those of which nothing is declared. */
  title: string;
  key: string;
  members: readonly Source[];
}

export type SourceLine = Source | GroupHead;
const PREFIX = "group:";

export const isHead = (line: SourceLine): line is GroupHead => "members" in line;
export const keyOf = (line: SourceLine): string => (isHead(line) ? line.key : line.name);

/** How many of a group are in each state, the states in their order, without zeros. */
export function countsOf(members: readonly Source[]): [(typeof STATES)[number], number][] {
  return STATES.map((state): [(typeof STATES)[number], number] => [state, members.filter((source) => source.state === state).length]).filter(([, count]) => count > 0);
}

/** Rows with a head before each group; those without one come last. */
export function grouped(rows: readonly Source[], by: Grouping | null): readonly SourceLine[] {
  if (by === null) return rows;
  const groups = new Map<string, Source[]>();
  for (const source of rows) {
    const members = groups.get(source[by]);
    if (members) members.push(source);
    else groups.set(source[by], [source]);
  }
  const heads = [...groups].map(([title, members]): GroupHead => ({ title, key: `${PREFIX}${title}`, members }));
  const worst = (head: GroupHead) => (head.title ? Math.min(...head.members.map(gravity)) : Number.POSITIVE_INFINITY);
  heads.sort((a, b) => worst(a) - worst(b) || a.title.localeCompare(b.title));
  return heads.flatMap((head) => [head, ...head.members]);
}
