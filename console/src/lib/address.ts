// State lives in the address: each screen reads and writes its search parameters.
import { useCallback } from "react";
import { useLocation, useSearchParams } from "react-router";

export type Changes = Record<string, string | null | undefined>;

/** One search parameter's value by name, and a way to change several; empty ones are left out. */
export function useAddress(): [(name: string) => string, (changes: Changes, push?: boolean) => void] {
  const [params, set] = useSearchParams();
  const { pathname } = useLocation();
  const get = useCallback((name: string) => params.get(name) ?? "", [params]);
  const change = useCallback(
    (changes: Changes, push = false) => {
      // while the next screen is loaded this one still stands: what it writes late would lead back to it
      if (window.location.pathname !== pathname) return;
      // nor may it undo what was written since it was last shown: the router's own "before" is as old as that
      const after = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value) after.set(name, value);
        else after.delete(name);
      }
      set(after, { replace: !push });
    },
    [set, pathname],
  );
  return [get, change];
}
