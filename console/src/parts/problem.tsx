// What went wrong, in the place where it did, and what helps.
import { Failure, Unreachable } from "../api/client";
import { useWords } from "../words";

export interface Reason {
  text: string;
  remedy: string;
}

/** The words for an error. */
export function useReason(): (error: unknown) => Reason {
  const { t } = useWords();
  return (error) => {
    if (error instanceof Unreachable) return { text: t("answer.failed"), remedy: t("answer.unreachable") };
    return { text: error instanceof Error ? error.message : String(error), remedy: (error instanceof Failure && error.problem.remedy) || "" };
  };
}

export function Problem({ error }: { error: unknown }) {
  const { text, remedy } = useReason()(error);
  return (
    <div className="problem" role="alert">
      <p className="error">{text}</p>
      {remedy && <p>{remedy}</p>}
    </div>
  );
}
