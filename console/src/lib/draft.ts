// A text that is being written: it outlasts a look at another screen, until it is saved or dropped.
import { useCallback, useState } from "react";

export interface Draft {
  text: string;
  samples: string;
  /** Of the text that it was made from; null for a new rule. */
  version: string | null;
}

const nameOf = (id: string) => `kydai-draft:${id}`;

export function keptDraft(id: string): Draft | null {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(nameOf(id)) ?? "null");
    return typeof kept === "object" && kept && "text" in kept && "samples" in kept ? (kept as Draft) : null;
  } catch {
    return null;
  }
}

/** Keeps a draft of a rule, or drops it. A full or closed storage loses only what outlasts the screen. */
export function keepDraft(id: string, draft: Draft | null): void {
  try {
    if (draft) sessionStorage.setItem(nameOf(id), JSON.stringify(draft));
    else sessionStorage.removeItem(nameOf(id));
  } catch {
    // it stays on the page
  }
}

/** The draft of a rule, begun from its text as it is; and a way to change it, or to drop it (null). */
export function useDraft(id: string, from: Draft): [Draft, (draft: Draft | null) => void] {
  const [draft, setDraft] = useState<Draft | null>(() => keptDraft(id));
  const change = useCallback(
    (to: Draft | null) => {
      keepDraft(id, to);
      setDraft(to);
    },
    [id],
  );
  return [draft ?? from, change];
}
