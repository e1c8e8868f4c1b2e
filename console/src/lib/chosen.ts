// Choosing some of a list by their ids.
import { useState } from "react";

export function useChosen(): [ReadonlySet<number>, (id: number) => void] {
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const toggle = (id: number) =>
    setChosen((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  return [chosen, toggle];
}
