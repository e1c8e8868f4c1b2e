// Sound and notices for who is not looking: wished for in this browser, off until then.
import type { Schemas } from "../api/client";

type Alert = Schemas["AlertSummary"];

export interface Wish {
  sound: boolean;
  notice: boolean;
}

const KEPT = "kydai-alarm";

export function wished(): Wish {
  const kept = (localStorage.getItem(KEPT) ?? "").split(" ");
  return { sound: kept.includes("sound"), notice: kept.includes("notice") };
}

export function keep(wish: Wish): void {
  localStorage.setItem(KEPT, [wish.sound && "sound", wish.notice && "notice"].filter(Boolean).join(" "));
}

/** Whether the browser shows notices for this page. */
export const maySend = (): boolean => "Notification" in window && Notification.permission === "granted";

/** Says of each alert once whether somebody has to be told: new, high or critical, of now and not of data brought in again. */
export class Told {
  private readonly known = new Set<number>();

  /** `since`: older alerts than this were there to be seen when the page was opened. */
  fresh(alerts: readonly Alert[], since: number): Alert[] {
    const found = alerts.filter(
      (alert) =>
        alert.status === "new" && (alert.level === "high" || alert.level === "critical") && !alert.is_replay && Date.parse(alert.created_at) > since && !this.known.has(alert.id),
    );
    for (const alert of found) this.known.add(alert.id);
    return found;
  }
}

let context: AudioContext | null = null;

/** Whether the browser lets the page be heard: only after a click or key on it. */
export const isHeard = (): boolean => context?.state === "running";

/** Asks the browser to let the page be heard; good from a click or key only. */
export async function wake(): Promise<void> {
  context ??= new AudioContext();
  await context.resume();
}

/** Two tones, three times for what is critical. */
export function ring(times: number): void {
  if (!context || !isHeard()) return;
  for (let at = 0; at < times; at++) {
    tone(context, 880, context.currentTime + at * 0.6);
    tone(context, 660, context.currentTime + at * 0.6 + 0.2);
  }
}

function tone(on: AudioContext, hertz: number, at: number): void {
  const oscillator = on.createOscillator();
  const loudness = on.createGain();
  oscillator.frequency.value = hertz;
  loudness.gain.setValueAtTime(0.0001, at);
  loudness.gain.exponentialRampToValueAtTime(0.4, at + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.19);
  oscillator.connect(loudness).connect(on.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.2);
}
