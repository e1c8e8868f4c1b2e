// Reports: of a period and of one incident, read here first and taken away in the form that is needed.
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data } from "../api/client";
import { useAddress } from "../lib/address";
import { resolve } from "../lib/range";
import { Empty } from "../parts/answer";
import { ExportMenu, REPORT_FORMS, searchOf } from "../parts/export-menu";
import { useHouse } from "../parts/house";
import { RangeChoice } from "../parts/range-choice";
import { useWords } from "../words";
import { ReportPaper } from "./report-paper";

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
      {asked ? <ReportPaper url={asked} /> : <Empty title={t("reports.none")} text={t(`reports.about.${kind}`)} />}
    </div>
  );
}
