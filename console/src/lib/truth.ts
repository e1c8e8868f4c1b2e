// How true several answers to one question are together.
import type { Schemas } from "../api/client";

export type Truth = Schemas["Truth"];
export const isWhole = (truth: Truth): boolean => truth.complete && truth.exact;

/** Whole where each of them is; what any of them lacks is missing, once; as of the earliest. Nothing for no answers. */
export function together(truths: readonly Truth[]): Truth | undefined {
  const [first, ...others] = truths;
  if (!first) return undefined;
  const missing = new Map(truths.flatMap((truth) => truth.missing).map((part) => [JSON.stringify([part.what, part.start, part.end, part.detail]), part]));
  return {
    exact: truths.every((truth) => truth.exact),
    complete: truths.every((truth) => truth.complete),
    missing: [...missing.values()],
    position: others.reduce((least, { position }) => (Date.parse(position.at) < Date.parse(least.at) ? position : least), first.position),
  };
}
