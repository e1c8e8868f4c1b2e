// The list of incidents (vụ việc), those heard last first or by priority.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useNavigate } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { useHeld } from "../lib/held";
import { useKeys } from "../lib/keys";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { ExportMenu, searchOf } from "../parts/export-menu";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { useHouse } from "../parts/house";
import { Search } from "../parts/search";
import { LEVELS, Severity } from "../parts/severity";
import { Between } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";

type Incident = Schemas["IncidentSummary"];
const numberOf = (incident: Incident) => incident.number;

export default function Incidents() {
  const words = useWords();
  const { t, said, n, named, language } = words;
  const { me } = useHouse();
  const navigate = useNavigate();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const shown = get("status") || "open";
  const filter = useMemo(
    () => ({
      status: shown === "all" ? undefined : shown === "closed" ? (["closed"] as const).slice() : (["new", "open"] as const).slice(),
      min_level: LEVELS.find((name) => name === get("level")),
      text: get("text") || undefined,
      assignee: get("mine") ? me.name : undefined,
      declared: get("declared") ? true : undefined,
      entity: get("entity") || undefined,
      by_priority: get("by") === "priority",
    }),
    [shown, get, me.name],
  );
  const scope = JSON.stringify(filter);
  const asked = useInfiniteQuery({
    queryKey: ["incidents", scope],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/v1/incidents", { params: { query: { ...filter, limit: 200, cursor: pageParam } } })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  const latest = useMemo(() => asked.data?.pages.flatMap((page) => page.items), [asked.data]);
  const { rows, gone, fresh, release, extend } = useHeld(scope, latest, numberOf);
  const row = rows.find((incident) => incident.number === current) ?? null;
  const open = (incident: Incident | null) => incident && void navigate(`/incidents/${incident.number}`);

  const tidy = () => void asked.refetch().then((answer) => release(answer.data?.pages.flatMap((page) => page.items)));
  useRowKeys(rows, numberOf, current, setCurrent);
  useKeys({ Enter: () => open(row), r: tidy });

  const columns: Column<Incident>[] = [
    { key: "level", title: t("column.level"), width: "126px", cell: (incident) => <Severity level={incident.level} /> },
    {
      key: "number",
      title: t("column.number"),
      width: "118px",
      className: "mono",
      cell: (incident) => <Link to={`/incidents/${incident.number}`}>{incident.number}</Link>,
    },
    {
      key: "title",
      title: t("nav.incidents"),
      width: "minmax(220px, 1fr)",
      cell: (incident) => (
        <span title={said(incident.title)}>
          {incident.is_declared && <span className="tag">{t("incident.declared")}</span>} {said(incident.title)}
        </span>
      ),
    },
    { key: "priority", title: t("column.priority"), width: "74px", align: "right", cell: (incident) => (incident.priority === null ? "–" : n(incident.priority)) },
    { key: "alerts", title: t("column.alerts"), width: "76px", align: "right", cell: (incident) => <Link to={`/queue?status=all&incident=${incident.id}`}>{n(incident.alerts)}</Link> },
    { key: "time", title: t("column.time"), width: "minmax(148px, 0.2fr)", className: "muted", cell: (incident) => <Between first={incident.first_at} last={incident.last_at} /> },
    {
      key: "status",
      title: t("column.status"),
      width: "122px",
      className: "muted",
      cell: (incident) => (incident.verdict ? named("common.verdict", incident.verdict) : named("common.incident_status", incident.status)),
    },
    { key: "assignee", title: t("column.assignee"), width: "100px", className: "muted", cell: (incident) => (incident.assignee ? <Who actor={incident.assignee} /> : "–") },
  ];
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.incidents")}</h1>
        {asked.data?.pages[0] && <span className="muted">{t("incidents.count", { n: asked.data.pages[0].total ?? 0 })}</span>}
        {(fresh > 0 || gone.size > 0) && (
          <button type="button" className="button pressed small" onClick={tidy}>
            {fresh > 0 ? t("incidents.fresh", { n: fresh }) : t("queue.tidy", { n: gone.size })} <kbd>r</kbd>
          </button>
        )}
        <span className="space" />
        <Choice
          label={t("incidents.order")}
          value={get("by")}
          options={[
            { value: "", label: t("incidents.by_time") },
            { value: "priority", label: t("incidents.by_priority") },
          ]}
          onChange={(value) => set({ by: value })}
        />
        <ExportMenu url={(format) => `/api/v1/incidents/export?${searchOf({ ...filter, format, language })}`} formats={["xlsx", "csv"]} part={t("export.lacking")} />
      </div>
      <div className="head">
        <Search label={t("incidents.search")} value={get("text")} onChange={(text) => set({ text })} />
        <Choice
          label={t("column.status")}
          value={shown}
          options={[
            { value: "open", label: t("queue.pending") },
            { value: "closed", label: named("common.incident_status", "closed") },
            { value: "all", label: t("choice.all") },
          ]}
          onChange={(value) => set({ status: value === "open" ? null : value })}
        />
        <Choice
          label={t("column.level")}
          value={filter.min_level ?? ""}
          options={[{ value: "", label: t("choice.all") }, ...LEVELS.slice(0, 4).map((value) => ({ value, label: t("choice.from_level", { level: named("common.level", value) }) }))]}
          onChange={(value) => set({ level: value })}
        />
        <button type="button" className={`button${get("mine") ? " pressed" : ""}`} aria-pressed={!!get("mine")} onClick={() => set({ mine: get("mine") ? null : "1" })}>
          {t("queue.mine")}
        </button>
        <button type="button" className={`button${get("declared") ? " pressed" : ""}`} aria-pressed={!!get("declared")} onClick={() => set({ declared: get("declared") ? null : "1" })}>
          {t("incidents.declared_only")}
        </button>
        {filter.entity && (
          <button type="button" className="button pressed" aria-label={t("queue.widen", { text: visible(filter.entity) })} onClick={() => set({ entity: null })}>
            <span className="mono narrowed">{visible(filter.entity)}</span> ×
          </button>
        )}
      </div>
      <div className={`split${row ? "" : " alone"}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("nav.incidents")}
            rows={rows}
            columns={row ? columns.filter((column) => column.key !== "assignee" && column.key !== "alerts") : columns}
            rowKey={numberOf}
            current={current}
            onCurrent={setCurrent}
            onOpen={open}
            rowClass={(incident) => (gone.has(incident.number) ? "done" : "")}
            onEnd={() => {
              if (asked.hasNextPage && !asked.isFetching) void asked.fetchNextPage().then((answer) => extend(answer.data?.pages.at(-1)?.items ?? []));
            }}
            empty={<Empty title={t("incidents.none")} text={t("incidents.none_help")} />}
          />
        )}
        {row && (
          <aside className="side" aria-label={row.number}>
            <p className="muted mono">{row.number}</p>
            <h2>{said(row.title)}</h2>
            <p style={{ margin: "10px 0" }}>{said(row.sentence)}</p>
            <dl className="pairs">
              <dt>{t("column.priority")}</dt>
              <dd>{row.priority === null ? "–" : n(row.priority)}</dd>
              <dt>{t("column.alerts")}</dt>
              <dd>
                <Link to={`/queue?status=all&incident=${row.id}`}>{n(row.alerts)}</Link>
              </dd>
              <dt>{t("column.assignee")}</dt>
              <dd>{row.assignee ? <Who actor={row.assignee} /> : "–"}</dd>
              {row.system && (
                <>
                  <dt>{t("incident.system")}</dt>
                  <dd>{row.system}</dd>
                </>
              )}
            </dl>
            <p style={{ marginTop: 16 }}>
              <Link className="button main" to={`/incidents/${row.number}`}>
                {t("action.open")} <kbd>Enter</kbd>
              </Link>
            </p>
          </aside>
        )}
      </div>
    </div>
  );
}
