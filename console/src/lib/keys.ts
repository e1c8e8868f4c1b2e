// Keys of a page: off while a person types, off with Ctrl, Alt or Meta, off while a dialog is open.
import { useLayoutEffect, useRef } from "react";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

/** Whether what is typed goes into a field. */
export function isTyping(target: EventTarget | null): boolean {
  const element = target instanceof HTMLElement ? target : null;
  return !!element && (element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName));
}

let ofDialog: KeyboardEvent | null = null;
// Escape closes a dialog before the page hears of it: whose key it was must be known before
window.addEventListener(
  "keydown",
  (event) => {
    ofDialog = document.querySelector('[role="dialog"], [role="menu"]') ? event : null;
  },
  { capture: true },
);

export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  // with the page and not behind it: a key hears what is seen when it is pressed
  useLayoutEffect(() => {
    current.current = keys;
  });
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
      if (isTyping(event.target) || ofDialog === event) return;
      // Enter on a link or button is theirs
      if (event.key === "Enter" && event.target instanceof Element && event.target.closest("a, button")) return;
      const act = current.current[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
