// What a person moves or types: on the page at once, written to where it is kept when it rests.
import { useCallback, useEffect, useState } from "react";

export interface Resting<T> {
  /** What is on the page. */
  value: T;
  /** What was kept when it was last looked at. */
  seen: T;
  /** What was written and has not been seen there yet, the oldest first. */
  sent: readonly T[];
}

/**
 * After `kept` was found where it is kept. What changes it from outside (back, a link) wins; what comes back of our own
 * writing moves nothing: the router shows it only when it finds the time, and the person has gone on meanwhile.
 */
export function taken<T>(now: Resting<T>, kept: T): Resting<T> {
  const at = now.sent.indexOf(kept);
  return at < 0 ? { value: kept, seen: kept, sent: [] } : { ...now, seen: kept, sent: now.sent.slice(at + 1) };
}

/** The value on the page, a way to move it, and a way to write it at once; it is written by itself after `rest` ms. */
export function useResting<T>(kept: T, write: (value: T) => void, rest: number): [T, (value: T) => void, () => void] {
  const [held, setHeld] = useState<Resting<T>>({ value: kept, seen: kept, sent: [] });
  const now = held.seen === kept ? held : taken(held, kept);
  if (now !== held) setHeld(now);
  const { value, sent } = now;
  const isWritten = value === (sent.length > 0 ? sent.at(-1) : kept);

  const send = useCallback(() => {
    if (isWritten) return;
    setHeld((before) => ({ ...before, sent: [...before.sent, value] }));
    write(value);
  }, [isWritten, value, write]);
  useEffect(() => {
    if (isWritten) return;
    const timer = window.setTimeout(send, rest);
    return () => window.clearTimeout(timer);
  }, [isWritten, send, rest]);
  const move = useCallback((to: T) => setHeld((before) => ({ ...before, value: to })), []);
  return [value, move, send];
}
