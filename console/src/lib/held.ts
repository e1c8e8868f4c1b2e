// Rows that never jump: what is on the page keeps its place, what is new waits until it is called in.
import { useCallback, useState } from "react";

export interface Held<T> {
  rows: T[];
  /** Keys of rows that are no longer in the newest answer; they stay as they were until the page is tidied. */
  gone: Set<string>;
  /** How many rows of the newest answer are not on the page yet. */
  fresh: number;
}

/** The rows to show: `order` are the keys on the page, `shown` the rows as they were last seen. */
export function hold<T>(order: readonly string[], shown: ReadonlyMap<string, T>, latest: readonly T[], key: (row: T) => string): Held<T> {
  const now = new Map(latest.map((row) => [key(row), row]));
  const rows = order.flatMap((name) => now.get(name) ?? shown.get(name) ?? []);
  const known = new Set(order);
  return {
    rows,
    gone: new Set(order.filter((name) => !now.has(name))),
    fresh: latest.filter((row) => !known.has(key(row))).length,
  };
}

interface Page<T> {
  scope: string;
  latest: readonly T[] | undefined;
  order: readonly string[];
  shown: ReadonlyMap<string, T>;
}

/** The page after another answer: a new question begins anew, an empty page takes everything in. */
function turn<T>(page: Page<T>, scope: string, latest: readonly T[] | undefined, key: (row: T) => string): Page<T> {
  if (page.scope !== scope) return { scope, latest, order: (latest ?? []).map(key), shown: new Map((latest ?? []).map((row) => [key(row), row])) };
  const rows = latest ?? [];
  const order = page.order.length > 0 ? page.order : rows.map(key);
  return { scope, latest, order, shown: new Map([...page.shown, ...rows.map((row) => [key(row), row] as const)]) };
}

/**
 * Holds the rows of a list that is asked for again and again. `scope` names the question: another one begins anew.
 * `release` takes in what is new (of the newest answer, or of the rows given) and lets go of what is gone; `extend`
 * adds a next page at the end.
 */
export function useHeld<T>(scope: string, latest: readonly T[] | undefined, key: (row: T) => string) {
  const [kept, setKept] = useState<Page<T>>({ scope: "", latest: undefined, order: [], shown: new Map() });
  let page = kept;
  if (page.scope !== scope || page.latest !== latest) {
    page = turn(kept, scope, latest, key);
    setKept(page);
  }
  const release = useCallback((rows?: readonly T[]) => setKept((before) => turn({ ...before, scope: "" }, before.scope, rows ?? before.latest, key)), [key]);
  const extend = useCallback(
    (rows: readonly T[]) =>
      setKept((before) => {
        const known = new Set(before.order);
        return { ...before, order: [...before.order, ...rows.map(key).filter((name) => !known.has(name))] };
      }),
    [key],
  );
  return { ...hold(page.order, page.shown, latest ?? [], key), release, extend };
}
