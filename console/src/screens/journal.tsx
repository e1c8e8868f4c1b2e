// The journal (nhật ký thao tác): who did what; its chain can be checked now and taken away.
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { useKeys } from "../lib/keys";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { ExportMenu, searchOf } from "../parts/export-menu";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { RangeChoice } from "../parts/range-choice";
import { Search } from "../parts/search";
import { State } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import "../styles/sources.css";

type Entry = Schemas["Entry"];
const seqOf = (entry: Entry) => String(entry.seq);
const FROM = "now-7d";

export default function Journal() {
  const { t, n, named, language } = useWords();
  const tell = useToast();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const range = { from: get("from") || FROM, to: get("to") || "now" };
  const filter = useMemo(
    () => ({ actor: get("actor") || undefined, action: get("action") || undefined, object: get("object") || undefined, from: range.from, to: range.to === "now" ? undefined : range.to }),
    [get, range.from, range.to],
  );
  const asked = useInfiniteQuery({
    queryKey: ["journal", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/v1/audit", { params: { query: { ...filter, limit: 200, cursor: pageParam } } })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  const verify = useMutation({ mutationFn: () => data(api.GET("/api/v1/audit/verify")), onError: (error) => tell({ error }) });
  const rows = useMemo(() => asked.data?.pages.flatMap((page) => page.items) ?? [], [asked.data]);
  const row = rows.find((entry) => seqOf(entry) === current) ?? null;
  useRowKeys(rows, seqOf, current, setCurrent);
  useKeys({ r: () => void asked.refetch() });

  const columns: Column<Entry>[] = [
    { key: "seq", title: t("journal.seq"), width: "74px", className: "muted", cell: (entry) => n(entry.seq) },
    { key: "at", title: t("column.time"), width: "112px", className: "muted", cell: (entry) => <When at={entry.at} /> },
    { key: "actor", title: t("journal.actor"), width: "184px", cell: (entry) => <Who actor={entry.actor} /> },
    { key: "channel", title: t("journal.channel"), width: "104px", className: "muted", cell: (entry) => named("journal.by", entry.channel) },
    { key: "action", title: t("journal.action"), width: "minmax(180px, 1fr)", cell: (entry) => <span title={entry.action}>{named("journal.did", entry.action)}</span> },
    { key: "object", title: t("journal.object"), width: "minmax(120px, 190px)", cell: (entry) => <Subject name={entry.object} /> },
    { key: "what", title: t("journal.reason"), width: "minmax(140px, 1fr)", className: "muted", cell: (entry) => visible(entry.reason || gist(entry)) },
  ];
  return (
    <div className="page">
      <div className="head">
        <h1>{t("journal.title")}</h1>
        {verify.data && (
          <span role="status">
            {verify.data.is_whole ? (
              <State tone="good" text={t("journal.whole", { n: verify.data.entries })} />
            ) : (
              <State tone="critical" text={t("journal.broken", { n: verify.data.bad_seq ?? 0 })} />
            )}{" "}
            <span className="mono muted" title={verify.data.head}>
              {verify.data.head.slice(0, 12)}
            </span>
          </span>
        )}
        <span className="space" />
        <RangeChoice from={range.from} to={range.to} onChange={(chosen) => set({ from: chosen.from === FROM ? null : chosen.from, to: chosen.to === "now" ? null : chosen.to })} />
        <button type="button" className="button" disabled={verify.isPending} onClick={() => verify.mutate()}>
          {verify.isPending ? t("journal.verifying") : t("journal.verify")}
        </button>
        <ExportMenu url={(format) => `/api/v1/audit/export?${searchOf({ ...filter, format, language })}`} formats={["xlsx", "csv"]} part={t("export.lacking")} />
      </div>
      <div className="head">
        <Search label={t("journal.by_actor")} value={get("actor")} onChange={(actor) => set({ actor })} />
        <Search label={t("journal.by_action")} value={get("action")} onChange={(action) => set({ action })} />
        <Search label={t("journal.by_object")} value={get("object")} onChange={(object) => set({ object })} />
      </div>
      <div className={`split${row ? "" : " alone"}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("journal.title")}
            rows={rows}
            columns={row ? columns.filter((column) => column.key !== "channel" && column.key !== "what") : columns}
            rowKey={seqOf}
            current={current}
            onCurrent={setCurrent}
            onEnd={() => {
              if (asked.hasNextPage && !asked.isFetching) void asked.fetchNextPage();
            }}
            empty={<Empty title={t("journal.none")} text={t("journal.none_help")} />}
          />
        )}
        {row && <EntryPanel entry={row} />}
      </div>
    </div>
  );
}

/** A person by what they are called; everything else by its name in the journal. */
function Subject({ name }: { name: string }) {
  const [, person] = /^user:(.+)$/.exec(name) ?? [];
  return person ? <Who actor={person} /> : <span className="mono">{visible(name)}</span>;
}

/** What an entry is about, in a line. */
function gist(entry: Entry): string {
  const query = entry.after?.query;
  return typeof query === "string" ? query : "";
}

function EntryPanel({ entry }: { entry: Entry }) {
  const { t, n, named } = useWords();
  return (
    <aside className="side" aria-label={t("journal.entry", { n: entry.seq })}>
      <h2>{named("journal.did", entry.action)}</h2>
      <p className="muted">
        {t("journal.entry", { n: entry.seq })} · <span className="mono">{entry.action}</span> {entry.is_demo && <span className="tag">{named("common", "demo_entry")}</span>}
      </p>
      <dl className="pairs" style={{ marginTop: 10 }}>
        <dt>{t("column.time")}</dt>
        <dd>
          <When at={entry.at} form="full" />
        </dd>
        <dt>{t("journal.actor")}</dt>
        <dd>
          <Who actor={entry.actor} />{" "}
          <span className="muted">
            <span className="mono">{visible(entry.actor)}</span> · {named("journal.by", entry.channel)}
          </span>
        </dd>
        <dt>{t("journal.object")}</dt>
        <dd className="mono">{visible(entry.object) || "–"}</dd>
        {entry.reason && (
          <>
            <dt>{t("journal.reason")}</dt>
            <dd>{visible(entry.reason)}</dd>
          </>
        )}
      </dl>
      {entry.before && <Values title={t("journal.before")} values={entry.before} />}
      {entry.after && <Values title={t("journal.after")} values={entry.after} />}
      <section>
        <h3>{t("journal.chain")}</h3>
        <p className="mono muted">
          {n(entry.seq)}: {entry.hash}
        </p>
        <p className="mono muted">
          {n(entry.seq - 1)}: {entry.prev_hash}
        </p>
      </section>
    </aside>
  );
}

function Values({ title, values }: { title: string; values: Record<string, unknown> }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl className="pairs">
        {Object.entries(values)
          .slice(0, 50)
          .map(([name, value]) => (
            <Value key={name} name={name} value={value} />
          ))}
      </dl>
    </section>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  return (
    <>
      <dt className="mono">{name}</dt>
      <dd className="mono">{visible(typeof value === "string" ? value : JSON.stringify(value))}</dd>
    </>
  );
}
