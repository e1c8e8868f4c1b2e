// Whether something has stood for so long.
import { useEffect, useState } from "react";

export function useLate(of: object, milliseconds: number): boolean {
  const [late, setLate] = useState<object | null>(null);
  useEffect(() => {
    const timer = window.setTimeout(() => setLate(of), milliseconds);
    return () => window.clearTimeout(timer);
  }, [of, milliseconds]);
  return late === of;
}
