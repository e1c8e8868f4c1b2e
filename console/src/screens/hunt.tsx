// Hunting: a query, its histogram, the events, the values of their fields; the whole question is in the address.
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { api, data, Failure } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { useKeys } from "../lib/keys";
import { useLate } from "../lib/late";
import { named, narrow, parted } from "../lib/query-text";
import { DEFAULT_FROM, resolve } from "../lib/range";
import { exactly, moment } from "../lib/time";
import { isWhole, together } from "../lib/truth";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed, Incomplete, Stopped, TruthLine, Unanswered, whyOf } from "../parts/answer";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { ExportMenu, searchOf } from "../parts/export-menu";
import { useHouse } from "../parts/house";
import { RangeChoice } from "../parts/range-choice";
import { When } from "../parts/when";
import { useWords, type Values } from "../words";
import { ColumnHead, columnsOf, TEXT, toggled, writtenColumns } from "./hunt-columns";
import { shareOf, useCount } from "./hunt-count";
import { HuntEvent } from "./hunt-event";
import { HuntFields, useFields } from "./hunt-fields";
import { Pivot, PivotMenu } from "./hunt-pivot";
import { comesFrom, HuntSaved } from "./hunt-saved";
import { HuntShare } from "./hunt-share";
import { HuntTable, useTable } from "./hunt-table";
import { eventText } from "./links";
import { QueryBox } from "./query-box";
import "../styles/hunt.css";

const Chart = lazy(() => import("./hunt-chart"));
const TEXT_FIELDS = ["message", "event.original", "process.command_line", "process.executable", "user.name", "url.original", "event.action", "source.ip", "destination.ip", "destination.port", "network.bytes"];
const EXPORTED = 50_000;
const WIDTHS: Record<string, number> = { "host.name": 140, "event.dataset": 140, "source.ip": 130, "destination.ip": 130 };
const NO_HINTS: never[] = [];
/** Milliseconds within which nothing is asked beside the rows. */
const ROWS_FIRST = 1_000;
type Event = Record<string, unknown>;
const idOf = (event: Event) => String(event["event.id"]);

export default function Hunt() {
  const { t, language } = useWords();
  const { zone } = useHouse().me;
  const client = useQueryClient();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const [asOf, setAsOf] = useState(() => Date.now());
  const [stopped, setStopped] = useState<object | null>(null);
  const query = get("q");
  const written = { from: get("from") || DEFAULT_FROM, to: get("to") || "now" };
  const question = useMemo(() => ({ query, from: resolve(written.from, asOf), to: resolve(written.to, asOf) }), [query, written.from, written.to, asOf]);
  const { where, stages } = useMemo(() => parted(query), [query]);
  const isTable = stages !== "";
  const chartOf = useMemo(() => ({ ...question, query: where }), [question, where]);
  const table = useTable(question, isTable);
  const writtenCols = get("cols");
  const chosen = useMemo(() => columnsOf(writtenCols), [writtenCols]);

  const fields = [...new Set(["@timestamp", "event.id", ...(chosen.includes(TEXT) ? TEXT_FIELDS : []), ...chosen.filter((name) => name !== TEXT)])].join(",");
  const events = useInfiniteQuery({
    queryKey: ["events", question, fields],
    enabled: !isTable,
    initialPageParam: undefined as string | undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ pageParam, signal }) => data(api.GET("/api/v1/events", { params: { query: { ...question, fields, limit: 200, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  // rows come first: what counts every event would keep them waiting, but waits for them not for long
  const isLate = useLate(question, ROWS_FIRST);
  const isStopped = isTable ? table.isPending && table.fetchStatus === "idle" : events.isPending && events.fetchStatus === "idle";
  const isCounting = isTable || !events.isPending || (isLate && !isStopped);
  const { histogram, count, progress } = useCount(chartOf, isCounting);
  const rows = useMemo<Event[]>(() => events.data?.pages.flatMap((page) => page.events) ?? [], [events.data]);
  const failed = isTable ? table.error : events.error;
  const problem = failed instanceof Failure ? failed.problem : null;
  const isWrongQuery = typeof problem?.position === "number";
  const seen = useFields(question, isCounting && !isTable && !isWrongQuery);
  const answers = [count, seen.data, ...(isTable ? [table.data] : (events.data?.pages ?? []))];
  const truth = together(answers.flatMap((answer) => answer?.truth ?? []));
  const isAnswered = !!count && (isTable ? table.isSuccess : events.isSuccess);
  const isPart = !!truth && !isWhole(truth);
  // a count may be whole beside groups that are too many
  const isLeast = !!truth && !(truth.complete && count && isWhole(count.truth));

  const ask = (text: string) => {
    setAsOf(Date.now());
    set({ q: text.trim(), at: null }, true);
  };
  // as of the same moment: the events of a group are those that were counted
  const open = (text: string, range?: { from: string; to: string }) => set({ q: text, at: null, ...range }, true);
  const filter = (field: string, value: unknown, without: boolean, operator?: ":" | "==") => ask(narrow(query, field, value, without, operator));
  const zoom = useCallback((from: number, to: number) => set({ from: exactly(from), to: exactly(to), at: null }, true), [set]);
  const setColumns = (names: readonly string[]) => set({ cols: writtenColumns(names) });
  const toggleColumn = (field: string) => setColumns(toggled(chosen, field));
  const groupBy = (field: string) => ask(`${where || "*"} | count by ${named(field)} | sort -count`);
  // the time beside: as long, before or after; or twice as long around it
  const [start, end] = [Date.parse(question.from), Date.parse(question.to)];
  const length = end - start;
  const shift = (by: number) => zoom(start + by * length, end + by * length);
  const absolute = { from: question.from, to: question.to };
  const exportUrl = (format: string) => {
    const names = writtenCols ? ["@timestamp", ...chosen.map((name) => (name === TEXT ? "message" : name)), "event.id"].join(",") : undefined;
    return `/api/v1/events/export?${searchOf({ ...question, format, language, fields: names })}`;
  };

  useRowKeys(rows, idOf, current, setCurrent);
  useKeys({ r: () => ask(query) });

  const columns: Column<Event>[] = [
    { key: "time", title: t("column.time"), width: "112px", className: "muted", cell: (event) => <When at={String(event["@timestamp"])} /> },
    ...chosen.map((name, index) => ({
      key: name,
      title: <ColumnHead name={name} columns={chosen} onColumns={setColumns} onGroup={groupBy} />,
      width: name === TEXT ? "minmax(260px, 1fr)" : index === chosen.length - 1 ? `minmax(${WIDTHS[name] ?? 150}px, 1fr)` : `${WIDTHS[name] ?? 150}px`,
      className: "mono",
      cell: (event: Event) => (name === TEXT ? visible(eventText(event)) : <Pivot field={name} value={event[name]} at={String(event["@timestamp"])} />),
    })),
  ];

  const isAsking = (isTable ? table : events).isFetching || histogram.isFetching;
  const uncounted = histogram.isError ? whyOf(histogram.error, t) : !count && !isStopped && isCounting && histogram.fetchStatus === "idle" && t("hunt.stopped");
  const far: Values = progress ? { n: progress.found, share: shareOf(progress) } : {};
  const stop = () => {
    setStopped(question);
    void Promise.all(["events", "histogram", "groups", "fields", "terms", "values"].map((name) => client.cancelQueries({ queryKey: [name] })));
  };
  // the next rows come by themselves, unless they failed or were stopped: then when they are asked for
  const noMore = events.isFetchNextPageError ? whyOf(events.error, t) : stopped === question && t("hunt.stopped");
  const more = () => {
    setStopped(null);
    void events.fetchNextPage();
  };
  const foot = events.isFetchingNextPage ? (
    t("answer.asking")
  ) : events.hasNextPage ? (
    noMore && (
      <span className="medium" role="alert">
        <Unanswered text={t("hunt.no_more", { n: rows.length, why: noMore })} again={more} />
      </span>
    )
  ) : (
    rows.length > 0 && t("hunt.end", { n: rows.length })
  );
  return (
    <PivotMenu query={query} columns={chosen} onAsk={ask} onColumn={toggleColumn}>
    <div className="page">
      <div className="head">
        <h1>{t("nav.hunt")}</h1>
        <QueryBox value={query} problem={isWrongQuery ? problem : null} hints={(isTable ? undefined : events.data?.pages[0]?.hints) ?? NO_HINTS} range={absolute} onAsk={ask} />
        <RangeChoice
          from={written.from}
          to={written.to}
          onChange={(range) => {
            setAsOf(Date.now());
            set({ from: range.from === DEFAULT_FROM && range.to === "now" ? null : range.from, to: range.to === "now" ? null : range.to, at: null }, true);
          }}
        />
      </div>
      <div className="head truth">
        {isAsking && !count && !isWrongQuery && <span className="muted">{progress ? t(progress.found ? "hunt.counting_far" : "hunt.counting_none", far) : t("hunt.counting")}</span>}
        {count && !isWrongQuery && <span className="strong">{t(isLeast ? "hunt.count_least" : "hunt.count", { n: count.total })}</span>}
        {truth && isAnswered && !isPart && !isWrongQuery && <TruthLine truth={truth} />}
        {uncounted && !isAsking && !isWrongQuery && (
          <span className="row medium" role="alert">
            <Unanswered text={t(progress ? (progress.found ? "hunt.uncounted_least" : "hunt.uncounted_none") : "hunt.uncounted", { why: uncounted, ...far })} again={() => void histogram.refetch()} />
          </span>
        )}
        {isAsking && (
          <button type="button" className="button small" onClick={stop}>
            {t("hunt.stop")}
          </button>
        )}
        {!isTable && events.data?.pages[0]?.hints.map((hint) => (
          <span key={hint.field} className="row medium">
            {t("hunt.unknown_field", { field: hint.field })}
            {hint.near.map((near) => (
              <button key={near} type="button" className="link mono" onClick={() => ask(query.replaceAll(hint.field, near))}>
                {near}
              </button>
            ))}
          </span>
        ))}
        <span className="space" />
        {length > 0 && (
          <span className="row hunt-time">
            <span className="muted whole" title={zone}>
              {moment(start, language, zone)} → {moment(end, language, zone)}
            </span>
            <button type="button" className="icon-button" aria-label={t("hunt.earlier")} title={t("hunt.earlier")} onClick={() => shift(-1)}>
              ‹
            </button>
            <button type="button" className="icon-button" aria-label={t("hunt.later")} title={t("hunt.later")} onClick={() => shift(1)}>
              ›
            </button>
            <button type="button" className="icon-button" aria-label={t("hunt.wider")} title={t("hunt.wider")} onClick={() => zoom(start - length / 2, end + length / 2)}>
              ↔
            </button>
          </span>
        )}
        <HuntSaved
          chosen={get("saved")}
          version={get("version")}
          current={{ query, from: written.from, to: written.to, columns: writtenCols ? chosen : [], absolute }}
          onName={(search) => set(comesFrom(search))}
          onTake={(search) => {
            setAsOf(Date.now());
            const range = { from: search.start === DEFAULT_FROM && search.end === "now" ? null : search.start, to: search.end === "now" ? null : search.end };
            set({ ...comesFrom(search), q: search.query, ...range, cols: writtenColumns(search.columns), at: null }, true);
          }}
        />
        <HuntShare range={absolute} />
        <ExportMenu url={exportUrl} formats={["xlsx", "csv", "jsonl"]} part={t("hunt.exported_part", { limit: EXPORTED })} off={isTable ? t("hunt.export_off") : isWrongQuery && t("hunt.wrong")} />
      </div>
      {truth && isPart && <Incomplete truth={truth} note={isTable && table.data?.bound ? t("hunt.groups_bound", { n: table.data.bound }) : undefined} />}
      {/* its place is kept while it is counted: the rows below stay where they are */}
      {!isWrongQuery && !isStopped && !uncounted && (
        <Suspense fallback={<div className="chart-place" />}>{histogram.data ? <Chart histogram={histogram.data} onZoom={count && zoom} /> : <div className="chart-place" />}</Suspense>
      )}
      {isTable ? (
        <div className="hunt-columns table">
          <HuntTable asked={table} where={where} isPart={isPart} onAsk={open} />
        </div>
      ) : (
      <div className={`hunt-columns${current ? "" : " alone"}${isWrongQuery || isStopped ? " bare" : ""}`}>
        {!isWrongQuery && !isStopped && <HuntFields question={question} fields={seen} isOn={isCounting} columns={chosen} onColumn={toggleColumn} onFilter={filter} />}
        {isStopped ? (
          <Stopped again={() => ask(query)} />
        ) : events.isPending ? (
          <Asking />
        ) : events.isError && !events.data ? (
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
              if (events.hasNextPage && !events.isFetching && !noMore) void events.fetchNextPage();
            }}
            foot={foot}
            empty={isPart ? <Empty title={t("hunt.none_seen")} text={t("hunt.none_seen_help")} /> : <Empty title={t("hunt.none")} text={t("hunt.none_help")} />}
          />
        )}
        {current && <HuntEvent id={current} columns={chosen} onColumn={toggleColumn} onFilter={filter} onClose={() => setCurrent(null)} />}
      </div>
      )}
      <span className="visually-hidden" role="status">
        {count && !events.isFetching ? t(isLeast ? "hunt.count_least" : "hunt.count", { n: count.total }) : ""}
      </span>
    </div>
    </PivotMenu>
  );
}
