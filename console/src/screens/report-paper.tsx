// A report as it is read on a screen, and printed from there.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Failure, problemOf } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
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

export function ReportPaper({ url }: { url: string }) {
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
