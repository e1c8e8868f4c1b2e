// Why what is on the page may be out of date.
import type { StreamState } from "../api/stream";

/** `lost`: the server says nothing; `session`: the session is over; `stopped`: we are not ready; `behind`: data wait. */
export type Trouble = "lost" | "session" | "stopped" | "behind";

// a pipeline with nothing to do says each two seconds that all of five seconds ago is judged
const BEHIND = 12_000;

export function troubleOf({ status, tick }: Pick<StreamState, "status" | "tick">): Trouble | null {
  if (status === "lost" || status === "session") return status;
  if (!tick) return null;
  const { ailments, data_until: until, now } = tick.health;
  if (ailments.some((ailment) => ailment.is_fatal)) return "stopped";
  return until !== null && Date.parse(now) - Date.parse(until) > BEHIND ? "behind" : null;
}

/** What a tab says: what is wrong, else how many groups wait in the queue, and the screen. */
export function tabTitle(trouble: string | null, waiting: number, screen: string): string {
  return trouble ? `⚠ ${trouble} · ${screen}` : waiting > 0 ? `(${waiting}) ${screen}` : screen;
}
