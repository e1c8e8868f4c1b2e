// How a question stands: asked, failed, or answered and how truly.
import { Failure } from "../api/client";
import type { Truth } from "../lib/truth";
import { visible } from "../lib/visible";
import { type Speech, useWords } from "../words";
import { State } from "./severity";
import { When } from "./when";

/** A failed question, with what helps and a way to ask again. */
export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  const { t } = useWords();
  const problem = error instanceof Failure ? error.problem : null;
  return (
    <div className="empty" role="alert">
      <strong className="error">{problem?.title ?? t("answer.failed")}</strong>
      <p>{problem ? problem.detail : t("answer.unreachable")}</p>
      {problem?.remedy && <p>{problem.remedy}</p>}
      {again && (
        <p style={{ marginTop: 8 }}>
          <button type="button" className="button" onClick={again}>
            {t("answer.again")}
          </button>
        </p>
      )}
    </div>
  );
}

/** Why there is no answer, in one sentence. */
export const whyOf = (error: unknown, t: Speech["t"]): string => (error instanceof Failure ? error.problem.detail || error.problem.title : t("answer.unreachable"));

/** In a line: why there is no answer, and a way to ask again. */
export function Unanswered({ text, again }: { text: string; again: () => void }) {
  const { t } = useWords();
  return (
    <>
      {text}{" "}
      <button type="button" className="link" onClick={again}>
        {t("answer.again")}
      </button>
    </>
  );
}

/** A question that was stopped before its answer came. */
export function Stopped({ again }: { again: () => void }) {
  const { t } = useWords();
  return (
    <div className="empty">
      <strong>{t("hunt.stopped")}</strong>
      <button type="button" className="button" onClick={again}>
        {t("answer.again")}
      </button>
    </div>
  );
}

export function Asking() {
  const { t } = useWords();
  return (
    <div className="empty" role="status">
      {t("answer.asking")}
    </div>
  );
}

export function Empty({ title, text }: { title: string; text: string }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {text}
    </div>
  );
}

/** What an answer about events says of itself when nothing is missing. */
export function TruthLine({ truth }: { truth: Truth }) {
  const { t } = useWords();
  return (
    <span>
      <State tone="good" text={t("truth.whole")} />{" "}
      <span className="muted">
        {t("truth.until")} <When at={truth.position.at} form="clock" />
      </span>
    </span>
  );
}

const PARTS_SHOWN = 3;

/** What is missing in an answer, of which time, and what to do about it; `note` says how far from exact it is. */
export function Incomplete({ truth, note }: { truth: Truth; note?: string }) {
  const { t, named } = useWords();
  const kinds = [...new Set(truth.missing.map((part) => part.what))];
  return (
    <div className="incomplete" role="alert">
      <State tone="critical" text={truth.complete ? t("truth.inexact") : t("truth.incomplete")} />
      <ul>
        {note && <li>{note}</li>}
        {kinds.map((what) => {
          const parts = truth.missing.filter((part) => part.what === what);
          return (
            <li key={what}>
              <b>{named("common.missing", what)}</b>
              {parts.slice(0, PARTS_SHOWN).map((part) => (
                <span key={`${part.detail}${part.start}`}>
                  {" · "}
                  {part.start && <When at={part.start} form="full" />} {part.end && <>→ <When at={part.end} form="full" /></>} {part.detail && <span className="mono muted">{visible(part.detail)}</span>}
                </span>
              ))}
              {parts.length > PARTS_SHOWN && <span> {t("fact.more", { n: parts.length - PARTS_SHOWN })}</span>}
              <p>{named("common.missing", `${what}.remedy`)}</p>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
