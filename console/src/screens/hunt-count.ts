// How many events a question finds, by time, and while that is counted how far the count is.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schemas } from "../api/client";
import { follow } from "../api/follow";

/** Milliseconds after which a count is worth a word; a quick one would only flicker. */
const LONG = 300;

export type Progress = Schemas["Progress"];

/** `of` is the same object as long as the question is the same. */
export function useCount(of: { query: string; from: string; to: string }, isOn: boolean) {
  const [told, setTold] = useState<{ of: object; progress: Progress } | null>(null);
  const histogram = useQuery({
    queryKey: ["histogram", of],
    enabled: isOn,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const began = performance.now();
      setTold(null);
      return follow<Schemas["HistogramMessage"]>(api.GET("/api/v1/events/histogram/stream", { params: { query: of }, signal, parseAs: "stream" }), (progress) => {
        if (performance.now() - began >= LONG) setTold({ of, progress });
      });
    },
  });
  // what belongs to another question is not said of this one
  const count = histogram.isPlaceholderData ? undefined : histogram.data;
  return { histogram, count, progress: !count && told?.of === of ? told.progress : null };
}

/** Hundredths of what is to be looked through, never all of it before the answer is there. */
export const shareOf = ({ done, whole }: Progress): number => (whole > 0 ? Math.min(99, Math.floor((100 * done) / whole)) : 0);
