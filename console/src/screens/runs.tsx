// Runs of playbooks: those that wait for somebody first; one whole with its steps and what it did to the world.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { RunPanel } from "./run-panel";
import { RunState } from "./run-card";
import { RunTabs } from "./run-tabs";
import "../styles/incident.css";

type Run = Schemas["RunSummary"];
const idOf = (run: Run) => String(run.id);

export default function Runs() {
  const { t, said, named } = useWords();
  const { id } = useParams();
  const navigate = useNavigate();
  const [get, set] = useAddress();
  const shown = get("show");
  const asked = useInfiniteQuery({
    queryKey: ["runs", "list", shown],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/v1/runs", { params: { query: { waiting: shown === "waiting", limit: 200, cursor: pageParam } } })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  const rows = useMemo(() => asked.data?.pages.flatMap((page) => page.items) ?? [], [asked.data]);
  const search = shown ? `?show=${shown}` : "";
  const go = (key: string | null) => {
    // while the next screen is loaded this one still stands: a key must not lead back to it
    if (window.location.pathname.startsWith("/runs")) void navigate(key ? `/runs/${key}${search}` : `/runs${search}`, { replace: true });
  };
  useRowKeys(rows, idOf, id ?? null, go);
  const columns: Column<Run>[] = [
    { key: "status", title: t("column.status"), width: "190px", cell: (run) => <RunState status={run.status} /> },
    {
      key: "title",
      title: t("nav.runs"),
      width: "minmax(200px, 1fr)",
      cell: (run) => (
        <>
          {said(run.title)} {run.is_dry && <span className="tag">{named("common", "dry_run")}</span>}
        </>
      ),
    },
    { key: "incident", title: t("nav.incidents"), width: "122px", className: "mono", cell: (run) => (run.incident_number ? <Link to={`/incidents/${run.incident_number}`}>{run.incident_number}</Link> : "–") },
    { key: "by", title: t("run.started_by"), width: "140px", className: "muted", cell: (run) => (run.started_by ? <Who actor={run.started_by} /> : "–") },
    { key: "at", title: t("column.time"), width: "112px", className: "muted", cell: (run) => <When at={run.created_at} /> },
  ];
  return (
    <div className="page">
      <div className="head">
        <RunTabs />
        {asked.data?.pages[0] && <span className="muted">{t("runs.count", { n: asked.data.pages[0].total ?? 0 })}</span>}
        <span className="space" />
        <Choice
          label={t("timeline.show")}
          value={shown}
          options={[
            { value: "", label: t("choice.all") },
            { value: "waiting", label: t("runs.waiting") },
          ]}
          onChange={(value) => set({ show: value })}
        />
      </div>
      <div className={`split${id ? "" : " alone"}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("runs.title")}
            rows={rows}
            columns={id ? columns.filter((column) => column.key !== "by") : columns}
            rowKey={idOf}
            current={id ?? null}
            onCurrent={go}
            onEnd={() => {
              if (asked.hasNextPage && !asked.isFetching) void asked.fetchNextPage();
            }}
            empty={<Empty title={t("runs.none")} text={t("runs.none_help")} />}
          />
        )}
        {id && <RunPanel id={Number(id)} key={id} />}
      </div>
    </div>
  );
}
