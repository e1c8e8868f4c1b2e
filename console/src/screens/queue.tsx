// The queue: alerts in groups, one row a rule and host, worked through by keys; what was done can be undone.
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { allOf, type Change, changeAlerts, type Filter, type Group, groupKey, type Seen, seenOf, titleOf, undoAlerts } from "../api/triage";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { useHeld } from "../lib/held";
import { shortHost } from "../lib/host";
import { useKeys } from "../lib/keys";
import { seenText } from "../lib/seen";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { ExportMenu, searchOf } from "../parts/export-menu";
import { type Column, Grid, neighbour } from "../parts/grid";
import { useHouse } from "../parts/house";
import { Search } from "../parts/search";
import { LEVELS, Severity } from "../parts/severity";
import { useToast } from "../parts/toast";
import { Between } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { CloseDialog } from "./close-dialog";
import { huntGroup } from "./links";
import { QueuePanel } from "./queue-panel";

// asked for by few clicks: not among what the first screen loads
const ExceptDialog = lazy(() => import("./except-dialog"));

/** What a key acts on: rows, or with `every` (how many alerts were said to be chosen) all that the filter takes. */
interface Targets {
  rows: Group[];
  every: number | null;
}
type GroupBy = "rule_host" | "rule" | "host";
const STATUSES = ["new", "acknowledged", "closed"] as const;
const REFETCH = 2_000;

export default function Queue() {
  const words = useWords();
  const { t, said, n, named, language } = words;
  const { me, may, stream } = useHouse();
  const tell = useToast();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, string>>(new Map());
  const [everyOf, setEveryOf] = useState<string | null>(null);
  const [closing, setClosing] = useState<Targets | null>(null);
  const [excepting, setExcepting] = useState<number | null>(null);
  const canTriage = may("triage");

  const by = (["rule", "host"].includes(get("by")) ? get("by") : "rule_host") as GroupBy;
  const shown = get("status") || "new";
  const status = useMemo(() => (shown === "all" ? [] : shown === "pending" ? (["new", "acknowledged"] as const).slice() : STATUSES.filter((s) => s === shown)), [shown]);
  const level = LEVELS.find((name) => name === get("level"));
  const filter = useMemo(
    (): Filter => ({
      status: status.length ? status : undefined,
      min_level: level,
      text: get("text") || undefined,
      assignee: get("mine") ? me.name : undefined,
      host: get("host") || undefined,
      rule: get("rule") || undefined,
      entity: get("entity") || undefined,
      incident: Number(get("incident")) || undefined,
    }),
    [status, level, get, me.name],
  );
  const scope = JSON.stringify([filter, by]);
  const groups = useInfiniteQuery({
    queryKey: ["groups", scope],
    staleTime: Number.POSITIVE_INFINITY,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/v1/alerts/groups", { params: { query: { ...filter, by, limit: 200, cursor: pageParam } } })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  const latest = useMemo(() => groups.data?.pages.flatMap((page) => page.items), [groups.data]);
  const { rows, gone, fresh, release, extend } = useHeld(scope, latest, groupKey);
  const total = groups.data?.pages[0];
  // all that this filter takes: of another one nothing is chosen
  const every = everyOf === scope && total ? total.alerts : null;
  const row = rows.find((group) => groupKey(group) === current) ?? null;

  // the stream says that something changed: ask again at once, then at most every two seconds
  const waiting = useRef(0);
  const askedAt = useRef(0);
  const { refetch } = groups;
  const refetchSoon = useCallback(() => {
    if (waiting.current) return;
    const pause = Math.max(0, askedAt.current + REFETCH - performance.now());
    waiting.current = window.setTimeout(() => {
      waiting.current = 0;
      askedAt.current = performance.now();
      void refetch();
      void queries.invalidateQueries({ queryKey: ["alert"] });
    }, pause);
  }, [refetch, queries]);
  useEffect(() => stream.listen((changes) => (changes.alerts.length > 0 || changes.more) && refetchSoon()), [stream, refetchSoon]);
  useEffect(() => () => window.clearTimeout(waiting.current), []);

  const tidy = async () => {
    const answer = await refetch();
    release(answer.data?.pages.flatMap((page) => page.items));
    setOutcomes(new Map());
    letGo();
  };
  const letGo = () => {
    setChosen(new Set());
    setEveryOf(null);
  };
  const targets = (): Targets => {
    const open = rows.filter((group) => !gone.has(groupKey(group)));
    if (every !== null) return { rows: open, every };
    const picked = open.filter((group) => chosen.has(groupKey(group)));
    return { rows: picked.length > 0 ? picked : open.filter((group) => group === row), every };
  };
  const seenIn = async (on: Targets): Promise<Seen> =>
    on.every === null ? new Map((await Promise.all(on.rows.map((group) => seenOf(group, filter)))).flatMap((seen) => [...seen])) : allOf(filter);
  const next = (step: number) => setCurrent(neighbour(rows, groupKey, current, step));

  const change = async (on: Targets, what: Change, outcome: string) => {
    try {
      const seen = await seenIn(on);
      if (on.every !== null && on.every !== seen.size) {
        tell({ text: t("queue.other_count", { before: on.every, now: seen.size }), isBad: true });
        return;
      }
      const { count, entries } = await changeAlerts(seen, what);
      const keys = on.rows.map(groupKey);
      setOutcomes((before) => new Map([...before, ...keys.map((key) => [key, outcome] as const)]));
      letGo();
      if (what.kind === "close" && keys.includes(current ?? "")) next(1);
      const undo = async () => {
        await undoAlerts(entries);
        setOutcomes((before) => new Map([...before].filter(([key]) => !keys.includes(key))));
        // told once the rows can be worked on again
        await Promise.all([refetch(), queries.invalidateQueries({ queryKey: ["alert"] })]);
      };
      tell({ text: count ? t("queue.done", { outcome, n: count }) : t("queue.nothing_changed"), undo: entries.length ? undo : undefined });
    } finally {
      void refetch();
      void queries.invalidateQueries({ queryKey: ["alert"] });
    }
  };
  const act = (on: Targets, what: Change, outcome: string) => {
    if (on.rows.length > 0) void change(on, what, outcome).catch((error: unknown) => tell({ error }));
  };
  const take = () => act(targets(), { kind: "assign", assignee: me.name }, t("outcome.assigned", { name: me.full_name || me.name }));
  const acknowledge = () => act(targets(), { kind: "acknowledge" }, named("common.alert_status", "acknowledged"));
  const askToClose = () => {
    const on = targets();
    if (on.rows.length > 0) setClosing(on);
  };
  const open = (group: Group | null) => {
    const [number] = group?.incidents ?? [];
    if (number) void navigate(`/incidents/${number}`);
    else if (group && current !== groupKey(group)) setCurrent(groupKey(group));
    else if (group) tell({ text: t("queue.no_incident") });
  };
  const choose = (key: string) =>
    setChosen((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });

  useKeys({
    j: () => next(1),
    k: () => next(-1),
    Enter: () => open(row),
    Escape: () => (chosen.size > 0 || every !== null ? letGo() : setCurrent(null)),
    r: () => void tidy(),
    ...(canTriage && {
      a: take,
      e: acknowledge,
      c: askToClose,
      X: () => setEveryOf(scope),
      x: () => {
        if (current) choose(current);
        next(1);
      },
    }),
  });

  const columns: Column<Group>[] = [
    {
      key: "choose",
      title: <span className="visually-hidden">{t("queue.choose")}</span>,
      width: "34px",
      cell: (group) => canTriage && (
        <input
          type="checkbox"
          className="row-check"
          tabIndex={-1}
          aria-label={t("queue.choose_row", { rule: said(titleOf(group)), host: group.host })}
          checked={every !== null || chosen.has(groupKey(group))}
          onClick={(event) => event.stopPropagation()}
          onChange={() => {
            setEveryOf(null);
            choose(groupKey(group));
          }}
        />
      ),
    },
    { key: "level", title: t("column.level"), width: "120px", cell: (group) => <Severity level={group.level} /> },
    {
      key: "rule",
      title: t("column.rule"),
      width: "minmax(180px, 1fr)",
      cell: (group) =>
        (
          <span title={said(titleOf(group))}>
            {said(titleOf(group))}
            {by === "host" && group.alerts > 1 && <span className="muted"> · {t("queue.alerts", { n: group.alerts })}</span>}
          </span>
        ),
    },
    {
      key: "host",
      title: t("column.host"),
      width: "116px",
      className: "mono",
      cell: (group) => {
        if (!group.host && group.hosts.length > 1) return t("queue.hosts", { n: group.hosts.length });
        const host = group.host || group.hosts[0] || "";
        return host ? <span title={host}>{shortHost(host)}</span> : "–";
      },
    },
    {
      key: "hits",
      title: t("column.hits"),
      width: "52px",
      align: "right",
      cell: (group) => <Link to={huntGroup(group)}>{n(group.hits)}</Link>,
    },
    { key: "time", title: t("column.time"), width: "minmax(148px, 0.3fr)", className: "muted", cell: (group) => <Between first={group.first_at} last={group.last_at} /> },
    {
      key: "seen",
      title: t("column.seen"),
      width: "minmax(112px, 0.4fr)",
      className: "muted",
      cell: (group) => {
        const key = groupKey(group);
        const outcome = outcomes.get(key) ?? (gone.has(key) ? t("outcome.elsewhere") : null);
        if (outcome) return outcome;
        if (group.newest.assignee && shown !== "new") return <Who actor={group.newest.assignee} />;
        const seen = seenText(group.seen_before, words);
        return <span title={seen}>{seen}</span>;
      },
    },
  ];
  const narrowed = [get("host"), get("rule"), get("entity"), get("incident") && t("queue.of_incident")].filter(Boolean).map(visible).join(" · ");
  const isFiltered = !!(filter.min_level || filter.text || filter.assignee || filter.host || filter.rule || filter.entity || filter.incident);

  return (
    <div className="page">
      <div className="head">
        <h1>{t("queue.title")}</h1>
        {total && <span className="muted">{t("queue.count", { n: total.total ?? 0, alerts: total.alerts })}</span>}
        {fresh > 0 && (
          <button type="button" className="button pressed small" onClick={() => void tidy()}>
            {t("queue.fresh", { n: fresh })} <kbd>r</kbd>
          </button>
        )}
        {fresh === 0 && gone.size > 0 && (
          <button type="button" className="button small" onClick={() => void tidy()}>
            {t("queue.tidy", { n: gone.size })} <kbd>r</kbd>
          </button>
        )}
        <span className="space" />
        {(chosen.size > 0 || every !== null) && (
          <span className="row">
            <span className="strong">{every === null ? t("queue.chosen", { n: chosen.size }) : t("queue.chosen_every", { n: every })}</span>
            {every === null && total && (
              <button type="button" className="button" onClick={() => setEveryOf(scope)}>
                {t("queue.choose_every", { n: total.alerts })} <kbd>X</kbd>
              </button>
            )}
            <button type="button" className="button main" onClick={take}>
              {t("action.assign")} <kbd>a</kbd>
            </button>
            <button type="button" className="button" onClick={askToClose}>
              {t("action.close")} <kbd>c</kbd>
            </button>
          </span>
        )}
        <Choice
          label={t("queue.group_by")}
          value={by}
          options={(["rule_host", "rule", "host"] as const).map((value) => ({ value, label: t(`queue.by.${value}`) }))}
          onChange={(value) => set({ by: value === "rule_host" ? null : value, at: null })}
        />
        <ExportMenu url={(format) => `/api/v1/alerts/export?${searchOf({ ...filter, format, language })}`} formats={["xlsx", "csv"]} part={t("export.lacking")} />
      </div>
      <div className="head">
        <Search label={t("queue.search")} value={get("text")} onChange={(text) => set({ text, at: null })} />
        <Choice
          label={t("column.status")}
          value={shown}
          options={[
            { value: "new", label: named("common.alert_status", "new") },
            { value: "acknowledged", label: named("common.alert_status", "acknowledged") },
            { value: "pending", label: t("queue.pending") },
            { value: "closed", label: named("common.alert_status", "closed") },
            { value: "all", label: t("choice.all") },
          ]}
          onChange={(value) => set({ status: value === "new" ? null : value, at: null })}
        />
        <Choice
          label={t("column.level")}
          value={level ?? ""}
          options={[{ value: "", label: t("choice.all") }, ...LEVELS.slice(0, 4).map((value) => ({ value, label: value === "critical" ? named("common.level", value) : t("choice.from_level", { level: named("common.level", value) }) }))]}
          onChange={(value) => set({ level: value, at: null })}
        />
        <button type="button" className={`button${get("mine") ? " pressed" : ""}`} aria-pressed={!!get("mine")} onClick={() => set({ mine: get("mine") ? null : "1", at: null })}>
          {t("queue.mine")}
        </button>
        {narrowed && (
          <button type="button" className="button pressed" aria-label={t("queue.widen", { text: narrowed })} onClick={() => set({ host: null, rule: null, entity: null, incident: null, at: null })}>
            <span className="mono narrowed">{narrowed}</span> ×
          </button>
        )}
      </div>
      <div className={`split${row ? "" : " alone"}`}>
        {groups.isError ? (
          <Failed error={groups.error} again={() => void groups.refetch()} />
        ) : groups.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("queue.title")}
            rows={rows}
            columns={columns}
            rowKey={groupKey}
            current={current}
            onCurrent={setCurrent}
            onOpen={open}
            rowClass={(group) => [(every !== null || chosen.has(groupKey(group))) && "chosen", (gone.has(groupKey(group)) || outcomes.has(groupKey(group))) && "done"].filter(Boolean).join(" ")}
            onEnd={() => {
              if (groups.hasNextPage && !groups.isFetching) void groups.fetchNextPage().then((answer) => extend(answer.data?.pages.at(-1)?.items ?? []));
            }}
            empty={
              isFiltered || shown !== "new" ? (
                <Empty title={t("queue.none")} text={t("queue.none_filtered")} />
              ) : (
                <div className="empty">
                  <strong>{t("queue.none")}</strong>
                  {t("queue.none_new")} <Link to="/sources">{t("queue.none_sources")}</Link>
                </div>
              )
            }
          />
        )}
        {row && (
          <QueuePanel
            group={row}
            key={groupKey(row)}
            isDone={gone.has(groupKey(row))}
            onTake={canTriage ? take : null}
            onClose={canTriage ? askToClose : null}
            onExcept={canTriage && !me.scope ? () => setExcepting(row.newest.id) : null}
            onOpen={() => open(row)}
          />
        )}
      </div>
      <Suspense>{excepting !== null && <ExceptDialog alert={excepting} onClose={() => setExcepting(null)} />}</Suspense>
      {closing && (
        <CloseDialog
          title={
            closing.every !== null
              ? t("close.every", { n: closing.every })
              : closing.rows.length === 1 && closing.rows[0]
                ? t("close.title", { title: said(titleOf(closing.rows[0])) })
                : t("close.many", { n: closing.rows.length })
          }
          onClose={() => setClosing(null)}
          onVerdict={async (verdict: Schemas["Verdict"], reason) => {
            await change(closing, { kind: "close", verdict, reason }, `${named("common.alert_status", "closed")}: ${named("common.verdict", verdict)}`);
            setClosing(null);
          }}
        />
      )}
    </div>
  );
}
