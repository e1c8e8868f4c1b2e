// The fields that the events found have; a field opens to its most frequent values, each to filter in or out.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, data } from "../api/client";
import { fold } from "../lib/fold";
import { visible } from "../lib/visible";
import { useWords } from "../words";

export interface Question {
  query: string;
  from: string;
  to: string;
}

interface Props {
  question: Question;
  columns: readonly string[];
  onColumn: (field: string) => void;
  onFilter: (field: string, value: unknown, without: boolean) => void;
}

const FIRST = ["host.name", "event.dataset", "user.name", "source.ip", "destination.ip", "destination.port", "event.action", "event.outcome", "process.name", "kydai.source", "kydai.rules"];
const rank = (name: string) => {
  const at = FIRST.indexOf(name);
  return at < 0 ? FIRST.length : at;
};

export function HuntFields({ question, columns, onColumn, onFilter }: Props) {
  const { t, n } = useWords();
  const [word, setWord] = useState("");
  const [open, setOpen] = useState<string | null>(null);
  const fields = useQuery({
    queryKey: ["fields", question],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/fields", { params: { query: question }, signal })),
  });
  const shown = useMemo(
    () => (fields.data ?? []).filter((field) => fold(field.name).includes(fold(word))).toSorted((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name)),
    [fields.data, word],
  );
  return (
    <section className="hunt-fields" aria-label={t("hunt.fields")}>
      <input className="input" type="search" aria-label={t("hunt.find_field")} placeholder={t("hunt.find_field")} value={word} onChange={(event) => setWord(event.target.value)} spellCheck={false} />
      <ul>
        {shown.map((field) => (
          <li key={field.name}>
            <button type="button" className="field-name" aria-expanded={open === field.name} onClick={() => setOpen(open === field.name ? null : field.name)}>
              <span className="mono">{field.name}</span>
              <small className="muted">{n(field.count)}</small>
            </button>
            {open === field.name && <Values question={question} field={field.name} isColumn={columns.includes(field.name)} onColumn={onColumn} onFilter={onFilter} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Values({ question, field, isColumn, onColumn, onFilter }: Omit<Props, "columns"> & { field: string; isColumn: boolean }) {
  const { t, n } = useWords();
  const terms = useQuery({
    queryKey: ["terms", question, field],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/terms", { params: { query: { ...question, field, limit: 10 } }, signal })),
  });
  if (terms.isPending) return <p className="muted values">{t("answer.asking")}</p>;
  if (terms.isError) return <p className="error values">{terms.error.message}</p>;
  return (
    <div className="values">
      {terms.data.values.map((term) => (
        <div key={term.value} className="value">
          <span className="mono" title={term.value}>
            {visible(term.value)}
          </span>
          <small className="muted">{n(term.count)}</small>
          <FilterButtons field={field} value={term.value} onFilter={onFilter} />
        </div>
      ))}
      {terms.data.other > 0 && <p className="muted">{t("hunt.other_values", { n: terms.data.other })}</p>}
      <button type="button" className="link" onClick={() => onColumn(field)}>
        {isColumn ? t("hunt.drop_column") : t("hunt.add_column")}
      </button>
    </div>
  );
}

export function FilterButtons({ field, value, onFilter }: { field: string; value: unknown; onFilter: Props["onFilter"] }) {
  const { t } = useWords();
  const shown = String(value);
  return (
    <span className="filters">
      <button type="button" className="icon-button" title={t("hunt.with")} aria-label={t("hunt.with_value", { field, value: shown })} onClick={() => onFilter(field, value, false)}>
        +
      </button>
      <button type="button" className="icon-button" title={t("hunt.without")} aria-label={t("hunt.without_value", { field, value: shown })} onClick={() => onFilter(field, value, true)}>
        −
      </button>
    </span>
  );
}
