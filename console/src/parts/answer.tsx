// How a question stands: asked, failed, or answered and how truly.
import type { Schemas } from "../api/client";
import { Failure } from "../api/client";
import { useWords } from "../words";
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

/** What an answer about events says of itself: exact, complete, and what is missing. */
export function TruthLine({ truth }: { truth: Schemas["Truth"] }) {
  const { t, named } = useWords();
  if (truth.complete && truth.exact) {
    return (
      <span>
        <State tone="good" text={t("truth.whole")} />{" "}
        <span className="muted">
          {t("truth.until")} <When at={truth.position.at} form="clock" />
        </span>
      </span>
    );
  }
  return (
    <span className="row wrap">
      <State tone="high" text={truth.complete ? t("truth.inexact") : t("truth.incomplete")} />
      {truth.missing.map((part) => (
        <span key={`${part.what}${part.detail}${part.start}`}>
          {named("common.missing", part.what)}
          {part.detail && <span className="muted"> ({part.detail})</span>}
          {part.start && (
            <span className="muted">
              {" "}
              <When at={part.start} /> {part.end && <>→ <When at={part.end} /></>}
            </span>
          )}
        </span>
      ))}
    </span>
  );
}
