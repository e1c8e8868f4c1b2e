// A question about a past that takes a while: followed while it is worked out, ended by a button or by leaving.
import { useEffect, useRef, useState } from "react";
import type { Schemas } from "../api/client";
import { follow } from "../api/follow";
import { resolve } from "../lib/range";

interface Range {
  from: string;
  to: string;
}

type Message = Omit<Schemas["BacktestMessage"], "answer"> & { answer: unknown };
export type Ask = (range: { from?: string; to?: string }, signal: AbortSignal) => Parameters<typeof follow>[0];

export function useLookedThrough<M extends Message>(ask: Ask, range: Range) {
  const [progress, setProgress] = useState<Schemas["Progress"] | null>(null);
  const [found, setFound] = useState<M["answer"] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const run = async () => {
    const stop = new AbortController();
    running.current = stop;
    const asOf = Date.now();
    setFound(null);
    setError(null);
    setProgress({ done: 0, whole: 0, found: 0 });
    try {
      setFound(await follow<M>(ask({ from: resolve(range.from, asOf), to: resolve(range.to, asOf) }, stop.signal), setProgress));
    } catch (failed) {
      if (!stop.signal.aborted) setError(failed);
    } finally {
      if (running.current === stop) {
        running.current = null;
        setProgress(null);
      }
    }
  };
  const stop = () => {
    running.current?.abort();
    running.current = null;
    setProgress(null);
  };
  return { progress, found, error, setError, run, stop };
}
