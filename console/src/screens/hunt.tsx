// Hunting: a query, its histogram, the events, the values of their fields; the whole question is in the address.
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { api, data, Failure } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { shortHost } from "../lib/host";
import { useKeys } from "../lib/keys";
import { narrow, parted } from "../lib/query-text";
import { DEFAULT_FROM, resolve } from "../lib/range";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed, Incomplete, isWhole, TruthLine } from "../parts/answer";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { ExportMenu, searchOf } from "../parts/export-menu";
import { RangeChoice } from "../parts/range-choice";
import { When } from "../parts/when";
import { useWords } from "../words";
import { HuntEvent } from "./hunt-event";
import { HuntFields } from "./hunt-fields";
import { HuntTable, useTable } from "./hunt-table";
import { eventText } from "./links";
import { QueryBox } from "./query-box";
import "../styles/hunt.css";

const Chart = lazy(() => import("./hunt-chart"));
const TEXT_FIELDS = ["message", "event.original", "process.command_line", "process.executable", "user.name", "url.original", "event.action", "source.ip", "destination.ip", "destination.port", "network.bytes"];
const EXPORTED = 50_000;
type Event = Record<string, unknown>;
const idOf = (event: Event) => String(event["event.id"]);

export default function Hunt() {
  const { t, n } = useWords();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const [asOf, setAsOf] = useState(() => Date.now());
  const query = get("q");
  const written = { from: get("from") || DEFAULT_FROM, to: get("to") || "now" };
  const question = useMemo(() => ({ query, from: resolve(written.from, asOf), to: resolve(written.to, asOf) }), [query, written.from, written.to, asOf]);
  const { where, stages } = useMemo(() => parted(query), [query]);
  const isTable = stages !== "";
  const chartOf = { ...question, query: where };
  const table = useTable(question, isTable);
  const extra = useMemo(() => get("cols").split(",").filter(Boolean), [get]);

  const fields = ["@timestamp", "event.id", "host.name", "event.dataset", ...TEXT_FIELDS, ...extra].join(",");
  const events = useInfiniteQuery({
    queryKey: ["events", question, fields],
    enabled: !isTable,
    initialPageParam: undefined as string | undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ pageParam, signal }) => data(api.GET("/api/v1/events", { params: { query: { ...question, fields, limit: 200, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  const histogram = useQuery({
    queryKey: ["histogram", chartOf],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/histogram", { params: { query: chartOf }, signal })),
  });
  const rows = useMemo<Event[]>(() => events.data?.pages.flatMap((page) => page.events) ?? [], [events.data]);
  const failed = isTable ? table.error : events.error;
  const problem = failed instanceof Failure ? failed.problem : null;
  const isWrongQuery = typeof problem?.position === "number";
  const truth = (isTable ? table.data?.truth : undefined) ?? histogram.data?.truth ?? events.data?.pages[0]?.truth;
  const isPart = !!truth && !isWhole(truth);

  const ask = (text: string) => {
    setAsOf(Date.now());
    set({ q: text.trim(), at: null }, true);
  };
  // as of the same moment: the events of a group are those that were counted
  const open = (text: string, range?: { from: string; to: string }) => set({ q: text, at: null, ...range }, true);
  const filter = (field: string, value: unknown, without: boolean) => ask(narrow(query, field, value, without));
  const zoom = useCallback((from: number, to: number) => set({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), at: null }, true), [set]);
  const toggleColumn = (field: string) => set({ cols: (extra.includes(field) ? extra.filter((f) => f !== field) : [...extra, field]).join(",") });
  const exportUrl = (format: string) => {
    const names = format === "csv" && extra.length ? ["@timestamp", "host.name", "event.dataset", ...extra, "message", "event.id"].join(",") : undefined;
    return `/api/v1/events/export?${searchOf({ ...question, format, limit: EXPORTED, fields: names })}`;
  };

  useRowKeys(rows, idOf, current, setCurrent);
  useKeys({ r: () => ask(query) });

  const columns: Column<Event>[] = [
    { key: "time", title: t("column.time"), width: "112px", className: "muted", cell: (event) => <When at={String(event["@timestamp"])} /> },
    { key: "host", title: "host.name", width: "132px", className: "mono", cell: (event) => <span title={text(event["host.name"])}>{shortHost(text(event["host.name"]))}</span> },
    { key: "dataset", title: "event.dataset", width: "134px", className: "mono muted", cell: (event) => text(event["event.dataset"]) },
    ...extra.map((field) => ({
      key: field,
      title: (
        <button type="button" className="link muted" title={t("hunt.drop_column")} onClick={() => toggleColumn(field)}>
          {field} ×
        </button>
      ),
      width: "150px",
      className: "mono",
      cell: (event: Event) => text(event[field]),
    })),
    { key: "text", title: t("hunt.text"), width: "minmax(260px, 1fr)", className: "mono", cell: (event) => visible(eventText(event)) },
  ];

  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.hunt")}</h1>
        <QueryBox value={query} problem={isWrongQuery ? problem : null} onAsk={ask} />
        <RangeChoice
          from={written.from}
          to={written.to}
          onChange={(range) => {
            setAsOf(Date.now());
            set({ from: range.from === DEFAULT_FROM && range.to === "now" ? null : range.from, to: range.to === "now" ? null : range.to, at: null }, true);
          }}
        />
        <ExportMenu url={exportUrl} formats={["csv", "jsonl"]} part={t("hunt.exported_part", { limit: EXPORTED })} isOff={isWrongQuery || isTable} />
      </div>
      <div className="head truth">
        {histogram.data && !isWrongQuery && <span className="strong">{t(isPart ? "hunt.count_least" : "hunt.count", { n: histogram.data.total })}</span>}
        {truth && !isPart && !isWrongQuery && <TruthLine truth={truth} />}
        {events.data?.pages[0]?.hints.map((hint) => (
          <span key={hint.field} className="medium">
            {t("hunt.unknown_field", { field: hint.field })}
            {hint.near.map((near) => (
              <button key={near} type="button" className="link mono" onClick={() => ask(query.replaceAll(hint.field, near))}>
                {" "}
                {near}
              </button>
            ))}
          </span>
        ))}
      </div>
      {truth && isPart && <Incomplete truth={truth} />}
      {histogram.data && (
        <Suspense fallback={<div className="chart-place" />}>
          <Chart histogram={histogram.data} onZoom={zoom} />
        </Suspense>
      )}
      {isTable ? (
        <div className="hunt-columns table">
          <HuntTable asked={table} where={where} onAsk={open} />
        </div>
      ) : (
      <div className={`hunt-columns${current ? "" : " alone"}${isWrongQuery ? " wrong" : ""}`}>
        {!isWrongQuery && <HuntFields question={question} columns={extra} onColumn={toggleColumn} onFilter={filter} />}
        {events.isPending ? (
          <Asking />
        ) : events.isError ? (
          isWrongQuery ? (
            <Empty title={t("hunt.wrong")} text={t("hunt.wrong_help")} />
          ) : (
            <Failed error={events.error} again={() => ask(query)} />
          )
        ) : (
          <Grid
            label={t("hunt.events")}
            rows={rows}
            columns={columns}
            rowKey={idOf}
            current={current}
            onCurrent={setCurrent}
            onEnd={() => {
              if (events.hasNextPage && !events.isFetching) void events.fetchNextPage();
            }}
            foot={events.isFetchingNextPage ? t("answer.asking") : rows.length > 0 && !events.hasNextPage && t("hunt.end", { n: rows.length })}
            empty={isPart ? <Empty title={t("hunt.none_seen")} text={t("hunt.none_seen_help")} /> : <Empty title={t("hunt.none")} text={t("hunt.none_help")} />}
          />
        )}
        {current && <HuntEvent id={current} columns={extra} onColumn={toggleColumn} onFilter={filter} onClose={() => setCurrent(null)} />}
      </div>
      )}
      <span className="visually-hidden" role="status">
        {histogram.data && !events.isFetching ? `${n(histogram.data.total)} ${t("hunt.events")}` : ""}
      </span>
    </div>
  );
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "–";
  return visible(Array.isArray(value) ? value.join(", ") : String(value));
}
