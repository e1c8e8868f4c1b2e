// The current row of a list: moved at once, written into the address when it rests.
import { useCallback } from "react";
import { useAddress } from "./address";
import { useResting } from "./resting";

const REST = 250;

export function useCurrent(name = "at"): [string | null, (key: string | null) => void] {
  const [get, set] = useAddress();
  const write = useCallback((key: string | null) => set({ [name]: key }), [name, set]);
  const [current, setCurrent] = useResting(get(name) || null, write, REST);
  return [current, setCurrent];
}
