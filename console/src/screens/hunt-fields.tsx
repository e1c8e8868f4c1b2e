// The fields that the events found have; a field opens to its most frequent values, each to filter in or out.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, data } from "../api/client";
import { fold } from "../lib/fold";
import { isWhole } from "../lib/truth";
import { Unanswered, whyOf } from "../parts/answer";
import { State } from "../parts/severity";
import { useWords } from "../words";
import { Pivot } from "./hunt-pivot";
import { percent } from "./query-box";

export interface Question {
  query: string;
  from: string;
  to: string;
}

interface Props {
  question: Question;
  fields: ReturnType<typeof useFields>;
  /** Whether they are asked for by now. */
  isOn: boolean;
  columns: readonly string[];
  onColumn: (field: string) => void;
  onFilter: (field: string, value: unknown, without: boolean, operator?: ":" | "==") => void;
}

const FIRST = ["host.name", "event.dataset", "user.name", "source.ip", "destination.ip", "destination.port", "event.action", "event.outcome", "process.name", "kydai.source", "kydai.rules"];
const rank = (name: string, columns: readonly string[]) => {
  const at = FIRST.indexOf(name);
  return columns.includes(name) ? -1 : at < 0 ? FIRST.length : at;
};

/** The fields of the events, asked for when it is time. */
export const useFields = (question: Question, isOn: boolean) =>
  useQuery({
    queryKey: ["fields", question],
    enabled: isOn,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/fields", { params: { query: question }, signal })),
  });

export function HuntFields({ question, fields, isOn, columns, onColumn, onFilter }: Props) {
  const { t, n } = useWords();
  const [word, setWord] = useState("");
  const [open, setOpen] = useState<string | null>(null);
  const shown = useMemo(
    () => (fields.data?.fields ?? []).filter((field) => fold(field.name).includes(fold(word))).toSorted((a, b) => rank(a.name, columns) - rank(b.name, columns) || a.name.localeCompare(b.name)),
    [fields.data, word, columns],
  );
  // every event has a time
  const total = fields.data?.fields.find((field) => field.name === "@timestamp")?.count ?? 0;
  const again = () => void fields.refetch();
  return (
    <section className="hunt-fields" aria-label={t("hunt.fields")}>
      <input className="input" type="search" aria-label={t("hunt.find_field")} placeholder={t("hunt.find_field")} value={word} onChange={(event) => setWord(event.target.value)} spellCheck={false} />
      {fields.isPending && <p className="muted values">{isOn && fields.fetchStatus === "idle" ? <Unanswered text={t("hunt.stopped")} again={again} /> : t("answer.asking")}</p>}
      {fields.isError && (
        <p className="error values">
          <Unanswered text={whyOf(fields.error, t)} again={again} />
        </p>
      )}
      <ul>
        {shown.map((field) => (
          <li key={field.name}>
            <button type="button" className={`field-name${columns.includes(field.name) ? " chosen" : ""}`} aria-expanded={open === field.name} onClick={() => setOpen(open === field.name ? null : field.name)}>
              <span className="mono">{field.name}</span>
              <small className="muted" title={t("hunt.fill", { count: field.count, total, type: field.type })}>
                {percent(field.count, total, n)}
              </small>
            </button>
            {open === field.name && <Values question={question} field={field.name} isColumn={columns.includes(field.name)} onColumn={onColumn} onFilter={onFilter} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Values({ question, field, isColumn, onColumn, onFilter }: Omit<Props, "columns" | "fields" | "isOn"> & { field: string; isColumn: boolean }) {
  const { t, n } = useWords();
  const terms = useQuery({
    queryKey: ["terms", question, field],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/terms", { params: { query: { ...question, field, limit: 10 } }, signal })),
  });
  const again = () => void terms.refetch();
  if (terms.isPending) return <p className="muted values">{terms.fetchStatus === "idle" ? <Unanswered text={t("hunt.stopped")} again={again} /> : t("answer.asking")}</p>;
  if (terms.isError)
    return (
      <p className="error values">
        <Unanswered text={whyOf(terms.error, t)} again={again} />
      </p>
    );
  const { truth, values, other, bound } = terms.data;
  const most = Math.max(1, ...values.map((term) => term.count));
  // the number beside a value is of this spelling: where others differ in case only, the filter keeps the case too
  const isExact = (value: string) => values.some((term) => term.value !== value && term.value.toLowerCase() === value.toLowerCase());
  return (
    <div className="values">
      <p className="muted">
        {t("hunt.top_values", { n: values.length })} · {isWhole(truth) ? t("hunt.exact") : <State tone="critical" text={t(truth.complete ? "hunt.least" : "hunt.part")} />}
      </p>
      {!truth.exact && <p className="medium">{t("hunt.values_bound", { n: bound })}</p>}
      {values.map((term) => (
        <div key={term.value} className="value" style={{ "--share": `${(100 * term.count) / most}%` } as React.CSSProperties}>
          <span className="mono">
            <Pivot field={field} value={term.value} isExact={isExact(term.value)} />
          </span>
          <small className="muted">{isWhole(truth) ? n(term.count) : `≥\u00a0${n(term.count)}`}</small>
          <FilterButtons field={field} value={term.value} isExact={isExact(term.value)} onFilter={onFilter} />
        </div>
      ))}
      {other > 0 && <p className="muted">{t("hunt.other_values", { n: other })}</p>}
      <button type="button" className="link" onClick={() => onColumn(field)}>
        {isColumn ? t("hunt.drop_column") : t("hunt.add_column")}
      </button>
    </div>
  );
}

export function FilterButtons({ field, value, isExact, onFilter }: { field: string; value: unknown; isExact?: boolean; onFilter: Props["onFilter"] }) {
  const { t } = useWords();
  const operator = isExact ? "==" : ":";
  const shown = String(value);
  return (
    <span className="filters">
      <button type="button" className="icon-button" title={t("hunt.with")} aria-label={t("hunt.with_value", { field, value: shown })} onClick={() => onFilter(field, value, false, operator)}>
        +
      </button>
      <button type="button" className="icon-button" title={t("hunt.without")} aria-label={t("hunt.without_value", { field, value: shown })} onClick={() => onFilter(field, value, true, operator)}>
        −
      </button>
    </span>
  );
}
