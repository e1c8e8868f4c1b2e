// Severity and states: by colour and word and shape, never by colour alone.
import type { Schemas } from "../api/client";
import { useWords } from "../words";

export type Level = Schemas["Level"];
export type Tone = Level | "good" | "muted";
export const LEVELS: readonly Level[] = ["critical", "high", "medium", "low", "informational"];

export function Shape({ tone }: { tone: Tone }) {
  return (
    <svg className={tone} width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
      {tone === "critical" && <path d="M5 0l5 5-5 5-5-5z" fill="currentColor" />}
      {tone === "high" && <path d="M5 1l5 8H0z" fill="currentColor" />}
      {(tone === "medium" || tone === "good") && <circle cx="5" cy="5" r="4.2" fill="currentColor" />}
      {tone === "low" && <circle cx="5" cy="5" r="3.6" fill="none" stroke="currentColor" strokeWidth="1.6" />}
      {(tone === "informational" || tone === "muted") && <path d="M1 5h8" stroke="currentColor" strokeWidth="2" />}
    </svg>
  );
}

export function Severity({ level }: { level: Level }) {
  const { named } = useWords();
  return <State tone={level} text={named("common.level", level)} />;
}

/** A state in its tone: a shape and its words. */
export function State({ tone, text }: { tone: Tone; text: string }) {
  return (
    <span className={`severity ${tone}`}>
      <Shape tone={tone} />
      {text}
    </span>
  );
}
