import { visible } from "./visible";

/** A host's name without its domain, for narrow places; addresses stay whole. */
export function shortHost(name: string): string {
  return visible(/^[\d.]+$|:/.test(name) ? name : (name.split(".")[0] ?? name));
}
