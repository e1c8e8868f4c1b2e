// Sources: who sends, who fell silent, who never came; what was received and what became of it.
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { useKeys } from "../lib/keys";
import { literal } from "../lib/query-text";
import { GROUPINGS, type GroupHead, grouped, isHead, keyOf, type SourceLine } from "../lib/source-groups";
import { BUCKETS, gravity, isSkewed, offsetText, type Source, STATES, stateOf } from "../lib/source-state";
import { duration } from "../lib/time";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { ExportMenu, searchOf } from "../parts/export-menu";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { useHouse, useStream } from "../parts/house";
import { Search } from "../parts/search";
import { State, type Tone } from "../parts/severity";
import { Spark } from "../parts/spark";
import { When } from "../parts/when";
import { useWords } from "../words";
import { hunt } from "./links";
import { AdoptDialog } from "./source-adopt";
import { EditDialog } from "./source-edit";
import { GroupPanel, GroupTitle } from "./source-group";
import { ImportDialog } from "./source-import";
import { MaintainDialog } from "./source-maintain";
import { SourcePanel } from "./source-panel";
import { RelaysDialog } from "./source-relays";
import { WizardDialog } from "./source-wizard";
import "../styles/sources.css";

type Doing = { what: "import" | "adopt" | "wizard" | "relays" } | { what: "edit" | "maintain"; names: readonly string[] };
const TONES: Record<(typeof STATES)[number], Tone> = { sending: "good", silent: "high", never: "critical", undeclared: "low" };
const REFETCH = 15_000;
const LAG_LIMIT = 60;

export default function Sources() {
  const words = useWords();
  const { t, n, named, language } = words;
  const { may } = useHouse();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const [doing, setDoing] = useState<Doing | null>(null);
  const by = GROUPINGS.find((name) => name === get("by")) ?? null;
  const state = STATES.find((name) => name === get("state"));
  const filter = { state: state ? [state] : undefined, text: get("text") || undefined };
  const asked = useQuery({
    queryKey: ["sources", filter],
    refetchInterval: REFETCH,
    queryFn: () => data(api.GET("/api/v1/sources", { params: { query: filter } })),
  });
  const rows = useMemo(() => (asked.data?.items ?? []).toSorted((a, b) => gravity(a) - gravity(b) || a.name.localeCompare(b.name)), [asked.data]);
  const totals = asked.data?.totals;
  const lag = useLag();
  const lines = useMemo(() => grouped(rows, by), [rows, by]);
  const head = lines.find((line): line is GroupHead => isHead(line) && line.key === current);
  useRowKeys(lines, keyOf, current, setCurrent);
  useKeys({ r: () => void asked.refetch() });

  const columns: Column<Source>[] = [
    { key: "name", title: t("column.source"), width: "150px", className: "mono", cell: (source) => <span title={source.name}>{visible(source.name)}</span> },
    { key: "product", title: t("column.product"), width: "150px", className: "muted", cell: (source) => source.product || source.datasets.join(", ") || "–" },
    {
      key: "state",
      title: t("column.status"),
      width: "minmax(210px, 1fr)",
      cell: (source) => {
        const { tone, text } = stateOf(source, words);
        return <State tone={tone} text={text} />;
      },
    },
    { key: "received", title: t("column.received"), width: "92px", align: "right", cell: (source) => <Count of={source.balance.raws.received} to={huntSource(source.name)} /> },
    {
      key: "unparsed",
      title: t("column.unparsed"),
      width: "112px",
      align: "right",
      cell: (source) => <Count of={source.balance.raws.unparsed} to={huntSource(source.name, true)} tone="medium" />,
    },
    {
      key: "rejected",
      title: t("column.rejected"),
      width: "72px",
      align: "right",
      cell: (source) => <span className={source.balance.events.rejected ? "high" : "muted"}>{n(source.balance.events.rejected ?? 0)}</span>,
    },
    { key: "last", title: t("column.last"), width: "98px", align: "right", className: "muted", cell: (source) => (source.last_at ? <When at={source.last_at} /> : "–") },
    {
      key: "offset",
      title: t("column.offset"),
      width: "116px",
      align: "right",
      cell: (source) => <span className={isSkewed(source) || source.wrong_zone_minutes !== null ? "medium" : "muted"}>{offsetText(source, words)}</span>,
    },
    { key: "spark", title: t("column.day"), width: "142px", cell: (source) => <Spark values={source.spark} label={t("source.spark", { n: source.balance.raws.received ?? 0 })} /> },
  ];
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.sources")}</h1>
        {totals && (
          <span className="muted">
            {t("sources.declared", { n: totals.declared })}
            {STATES.map((name) => (
              <span key={name}>
                {" · "}
                <button type="button" className={`link ${totals[name] > 0 && name !== "sending" ? TONES[name] : ""}`} aria-pressed={state === name} onClick={() => set({ state: state === name ? null : name, at: null })}>
                  {n(totals[name])} {named("common.source_state", name)}
                </button>
              </span>
            ))}
            {may("house") && (
              <>
                {" · "}
                <button type="button" className="link" onClick={() => setDoing({ what: "relays" })}>
                  {t("sources.relays")}
                </button>
              </>
            )}
            {state && (
              <>
                {" · "}
                <button type="button" className="link" onClick={() => set({ state: null })}>
                  {t("sources.all")}
                </button>
              </>
            )}
          </span>
        )}
        <span className="space" />
        {may("house") && (
          <button type="button" className="button" onClick={() => setDoing({ what: "wizard" })}>
            {t("sources.add")}
          </button>
        )}
        {may("house") && totals && totals.undeclared > 0 && (
          <button type="button" className="button" onClick={() => setDoing({ what: "adopt" })}>
            {t("sources.adopt")}
          </button>
        )}
        {may("house") && (
          <button type="button" className="button" onClick={() => setDoing({ what: "import" })}>
            {t("sources.import")}
          </button>
        )}
      </div>
      <div className="head">
        {totals && <BalanceLine balance={totals.balance} isAll />}
        {lag && !lag.isLate && <span className="muted">{lag.text}</span>}
      </div>
      <div className="head">
        <div style={{ width: 260, display: "flex" }}>
          <Search label={t("sources.search")} value={get("text")} onChange={(text) => set({ text })} />
        </div>
        <Choice label={t("sources.by")} value={by ?? ""} options={[{ value: "", label: t("sources.by_none") }, ...GROUPINGS.map((name) => ({ value: name, label: t(`sources.by_${name}`) }))]} onChange={(value) => set({ by: value, at: null })} />
        <span className="space" />
        <ExportMenu label={t("balance.export")} url={(format) => `/api/v1/sources/ledger/export?${searchOf({ format, language })}`} formats={["xlsx", "csv"]} part={t("export.lacking")} />
        <ExportMenu url={(format) => `/api/v1/sources/export?${searchOf({ ...filter, format, language })}`} formats={["xlsx", "csv"]} part={t("export.lacking")} />
      </div>
      {lag?.isLate && <p className="head medium">{lag.text}</p>}
      {totals && totals.declared === 0 && <p className="head high">{named("common", "no_inventory")}</p>}
      <div className={`rows${current ? " with-panel" : ""}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("nav.sources")}
            rows={lines}
            columns={columns.map(forLines)}
            rowKey={keyOf}
            rowClass={(line) => (isHead(line) ? "group" : "")}
            current={current}
            onCurrent={setCurrent}
            empty={<Empty title={t("sources.none")} text={state || filter.text ? t("sources.none_filtered") : t("sources.none_help")} />}
          />
        )}
        {head && <GroupPanel head={head} onDo={(what, names) => setDoing({ what, names })} onClose={() => setCurrent(null)} />}
        {current && !current.startsWith("group:") && <SourcePanel name={current} key={current} onDo={(what, names) => setDoing({ what, names })} onClose={() => setCurrent(null)} />}
      </div>
      {doing?.what === "import" && <ImportDialog onClose={() => setDoing(null)} />}
      {doing?.what === "wizard" && <WizardDialog onClose={() => setDoing(null)} />}
      {doing?.what === "relays" && <RelaysDialog onDo={(what, names) => setDoing({ what, names })} onClose={() => setDoing(null)} />}
      {doing?.what === "adopt" && <AdoptDialog onClose={() => setDoing(null)} />}
      {doing?.what === "edit" && <EditDialog names={doing.names} onClose={() => setDoing(null)} />}
      {doing?.what === "maintain" && <MaintainDialog names={doing.names} onClose={() => setDoing(null)} />}
    </div>
  );
}

/** A column of sources, for lines of which some are heads: the first cell of a head is all of it. */
function forLines(column: Column<Source>, at: number): Column<SourceLine> {
  return { ...column, cell: (line) => (isHead(line) ? at === 0 && <GroupTitle head={line} /> : column.cell(line)) };
}

/** The last day's events of a source (or of all), or those that nobody could parse. */
function huntSource(name: string, isUnparsed = false): string {
  const parts = [name && `kydai.source: ${literal(name)}`, isUnparsed && "event.dataset: kydai.unparsed"];
  return hunt(parts.filter(Boolean).join(" and "), { from: "now-24h" });
}

/** A number that leads to what it counts; nothing leads nowhere. */
function Count({ of = 0, to, tone }: { of?: number; to: string; tone?: Tone }) {
  const { n } = useWords();
  if (of === 0) return <span className="muted">0</span>;
  return (
    <Link to={to} className={tone ? `of link ${tone}` : "of"}>
      {n(of)}
    </Link>
  );
}

/** What waits for longer than a minute: raws not judged, hits not correlated, due work. */
function useLag(): { text: string; isLate: boolean } | null {
  const { t, language } = useWords();
  const health = useStream().tick?.health;
  if (!health) return null;
  if (health.lag_seconds === null) return { text: t("common.lag.unknown"), isLate: false };
  const late = Object.entries(health.lags).filter(([, seconds]) => seconds > LAG_LIMIT);
  if (late.length === 0) return { text: t("common.lag.none"), isLate: false };
  const parts = late.map(([name, seconds]) => {
    const lag = duration(seconds * 1000, language);
    if (name === "hits") return t("common.lag.hits", { lag });
    if (name === "journal") return t("common.lag.journal", { lag });
    return name === "work" ? t("common.lag.work", { lag }) : t("common.lag.spool", { spool: name, lag });
  });
  return { text: t("common.lag.late", { parts: parts.join("; ") }), isLate: true };
}

/** Received = parsed + unparsed + ignored + duplicates + waiting, and whether that is so. */
export function BalanceLine({ balance, source = "", isAll = false }: { balance: Schemas["Balances"]; source?: string; isAll?: boolean }) {
  const { t, n } = useWords();
  const isLinked = isAll || source !== "";
  return (
    <span className="muted">
      {t("balance.title")} {t("balance.received")} {isLinked ? <Count of={balance.raws.received} to={huntSource(source)} /> : <b className="ink">{n(balance.raws.received ?? 0)}</b>}
      {BUCKETS.map((bucket, at) => (
        <span key={bucket}>
          {at === 0 ? " = " : " + "}
          {t(`balance.${bucket}`)}{" "}
          {isLinked && bucket === "unparsed" ? <Count of={balance.raws.unparsed} to={huntSource(source, true)} tone="medium" /> : <b className={bucket === "unparsed" && balance.raws[bucket] ? "medium" : "ink"}>{n(balance.raws[bucket] ?? 0)}</b>}
        </span>
      ))}
      {" · "}
      {balance.holds ? <span className="good strong">{t("balance.holds")}</span> : <span className="critical strong">{t("balance.off", { n: Math.abs(balance.raws_off_by) + Math.abs(balance.events_off_by) })}</span>}
    </span>
  );
}
