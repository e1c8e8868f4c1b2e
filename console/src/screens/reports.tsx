// Reports: of a period and of one incident, read here first and taken away in the form that is needed.
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { api, data, Failure, problemOf } from "../api/client";
import { useAddress } from "../lib/address";
import { resolve } from "../lib/range";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { ExportMenu, REPORT_FORMS, searchOf } from "../parts/export-menu";
import { useHouse } from "../parts/house";
import { RangeChoice } from "../parts/range-choice";
import { State } from "../parts/severity";
import { type Text, useWords } from "../words";
import { hunt, type HuntRange } from "./links";
import "../styles/reports.css";

/** A text in both languages or the same in both; numbers and times are texts with their plain value beside them. */
type Said = Text | string | boolean;

interface Table {
  columns: Said[];
  rows: Said[][];
  right: number[];
  code: number[];
  queries: number[];
}

interface Section {
  key: string;
  title: Said;
  lead: Said;
  lines: Said[];
  table: Table | null;
}

/** A report as plain data (the JSON form of reports/document.py). */
interface Document {
  title: Said;
  subtitle: Said;
  truth: Said;
  missing: Said[];
  is_complete: boolean;
  parameters: { from?: string; to?: string };
  made_at: Said;
  made_by: string;
  sections: Section[];
}

const FROM = "now-7d";

export default function Reports() {
  const { t, said } = useWords();
  const { me } = useHouse();
  const [get, set] = useAddress();
  const kind = get("kind") === "incident" ? "incident" : "period";
  const range = { from: get("from") || FROM, to: get("to") || "now" };
  const number = get("number");
  // the report that is read, made anew only when somebody asks
  const [asked, setAsked] = useState<string | null>(null);
  const incidents = useQuery({
    queryKey: ["incidents", "reports"],
    enabled: kind === "incident",
    queryFn: () => data(api.GET("/api/v1/incidents", { params: { query: { limit: 200 } } })),
  });
  const chosen = number || (incidents.data?.items[0]?.number ?? "");
  const url = (format: string, language: string) => {
    if (kind === "incident") return `/api/v1/reports/incident/${encodeURIComponent(chosen)}?${searchOf({ format, language })}`;
    return `/api/v1/reports/period?${searchOf({ from: resolve(range.from, Date.now()), to: resolve(range.to, Date.now()), format, language })}`;
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(url("json", "vi"));
  };
  if (me.scope) return <Empty title={t("nav.reports")} text={t("reports.whole_only")} />;
  const isReady = kind === "period" || chosen !== "";
  return (
    <div className="page">
      <form className="head" onSubmit={submit}>
        <h1>{t("nav.reports")}</h1>
        <span className="tabs" role="group" aria-label={t("reports.kind")}>
          {(["period", "incident"] as const).map((name) => (
            <button
              key={name}
              type="button"
              className={kind === name ? "active" : ""}
              aria-pressed={kind === name}
              onClick={() => {
                setAsked(null);
                set({ kind: name === "period" ? null : name });
              }}
            >
              {t(`reports.${name}`)}
            </button>
          ))}
        </span>
        {kind === "period" ? (
          <RangeChoice from={range.from} to={range.to} onChange={(found) => set({ from: found.from === FROM ? null : found.from, to: found.to === "now" ? null : found.to })} />
        ) : (
          <label className="choice">
            <span>{t("nav.incidents")}</span>
            <select value={chosen} onChange={(event) => set({ number: event.target.value })} style={{ maxWidth: 420 }}>
              {incidents.data?.items.map((incident) => (
                <option key={incident.number} value={incident.number}>
                  {incident.number} {said(incident.title)}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="submit" className="button main" disabled={!isReady}>
          {t("reports.read")}
        </button>
        <span className="space" />
        {(["vi", "en"] as const).map((language) => (
          <ExportMenu key={language} label={t(`reports.save.${language}`)} url={(format) => url(format, language)} formats={REPORT_FORMS} part={t("export.part", { limit: 500 })} off={!isReady && ""} />
        ))}
      </form>
      {asked ? <Reading url={asked} /> : <Empty title={t("reports.none")} text={t(`reports.about.${kind}`)} />}
    </div>
  );
}

function Reading({ url }: { url: string }) {
  const { t, language, said } = useWords();
  const asked = useQuery({
    queryKey: ["report", url],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: async ({ signal }): Promise<Document> => {
      const response = await fetch(url, { headers: { "accept-language": language }, signal });
      if (!response.ok) throw new Failure(await problemOf(response));
      return (await response.json()) as Document;
    },
  });
  const text = (cell: Said): string => (typeof cell === "object" ? said(cell) : String(cell));
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  const found = asked.data;
  return (
    <article className="report" tabIndex={0} aria-label={text(found.title)}>
      <header>
        <h2>{text(found.title)}</h2>
        <p>{text(found.subtitle)}</p>
        <p className="muted">
          {t("reports.made")} {text(found.made_at)} · {found.made_by}
        </p>
        <p style={{ marginTop: 6 }}>
          <State tone={found.is_complete ? "good" : "high"} text={text(found.truth)} />
        </p>
        {found.missing.map((part) => (
          <p key={text(part)} className="high">
            {text(part)}
          </p>
        ))}
      </header>
      {found.sections.map((section) => (
        <section key={section.key}>
          <h3>{text(section.title)}</h3>
          {text(section.lead) && <p className="muted">{text(section.lead)}</p>}
          {section.table && (
            <table className="plain-table">
              <thead>
                <tr>
                  {section.table.columns.map((column, at) => (
                    <th key={text(column)} scope="col" className={section.table?.right.includes(at) ? "right" : undefined}>
                      {text(column)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {section.table.rows.map((row, index) => (
                  <tr key={`${index} ${row.map(text).join("|")}`}>
                    {row.map((cell, at) => (
                      <td key={`${at} ${text(cell)}`} className={section.table?.right.includes(at) ? "right" : undefined}>
                        <Value isCode={section.table?.code.includes(at) ?? false} isQuery={section.table?.queries.includes(at) ?? false} isList={section.key === "unseen"} text={visibleLines(text(cell))} range={found.parameters} />
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {section.lines.length > 0 && (
            <ul>
              {section.lines.map((line) => (
                <li key={text(line)}>{text(line)}</li>
              ))}
            </ul>
          )}
        </section>
      ))}
    </article>
  );
}

const visibleLines = (text: string): string => text.split("\n").map(visible).join("\n");

/** A cell: its first line tells, the others explain (in a list all are alike); the query of a number can be run again, an incident opened. */
function Value({ isCode, isQuery, isList, text, range }: { isCode: boolean; isQuery: boolean; isList: boolean; text: string; range: HuntRange }) {
  const { t } = useWords();
  if (isQuery && text && text !== "–" && !text.startsWith("GET ")) {
    return (
      <Link className="mono" to={hunt(text === "*" ? "" : text, range)} title={t("reports.again")}>
        {text}
      </Link>
    );
  }
  if (/^VV-\d{4}-\d+$/.test(text)) return <Link to={`/incidents/${text}`}>{text}</Link>;
  const [first, ...rest] = text.split("\n");
  return (
    <>
      <span className={isCode ? "mono" : undefined}>{first}</span>
      {rest.map((line) => (
        <div key={line} className={isList ? undefined : "muted"}>
          {line}
        </div>
      ))}
    </>
  );
}
