// The current row of a list: moved at once, written into the address when it rests.
import { useEffect, useState } from "react";
import { useAddress } from "./address";

const REST = 250;

export function useCurrent(name = "at"): [string | null, (key: string | null) => void] {
  const [get, set] = useAddress();
  const written = get(name) || null;
  const [current, setCurrent] = useState(written);
  const [seen, setSeen] = useState(written);
  if (seen !== written) {
    // the address changed from outside: back, forward, a link
    setSeen(written);
    setCurrent(written);
  }
  useEffect(() => {
    if (current === written) return;
    const timer = window.setTimeout(() => set({ [name]: current }), REST);
    return () => window.clearTimeout(timer);
  }, [current, written, name, set]);
  return [current, setCurrent];
}
