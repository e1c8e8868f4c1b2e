// One incident: its sentence, what happened and what was done, whom it is about, what to do next.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api, data, Failure, type Schemas } from "../api/client";
import { useKeys } from "../lib/keys";
import { Asking, Failed } from "../parts/answer";
import { ExportMenu, REPORT_FORMS, searchOf } from "../parts/export-menu";
import { useHouse } from "../parts/house";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { usePeople } from "../parts/who";
import { useWords } from "../words";
import { CloseDialog } from "./close-dialog";
import { DeclareDialog, NoteDialog, ReasonDialog, TagDialog } from "./incident-dialogs";
import { IncidentFacts } from "./incident-facts";
import { IncidentNext } from "./incident-next";
import { IncidentTimeline } from "./incident-timeline";
import { MergeDialog } from "./merge-dialog";
import { SplitDialog } from "./split-dialog";
import "../styles/incident.css";

const ExceptDialog = lazy(() => import("./except-dialog"));

export type Detail = Schemas["IncidentDetail"];
type Asked = Promise<{ data?: Detail; error?: unknown; response: Response }>;

export default function Incident() {
  const { number = "" } = useParams();
  const { t, said, named, language } = useWords();
  const { me, may } = useHouse();
  const { nameOf } = usePeople();
  const tell = useToast();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [dialog, setDialog] = useState<"close" | "declare" | "withdraw" | "reopen" | "merge" | "split" | "tag" | "note" | null>(null);
  const [excepting, setExcepting] = useState<number | null>(null);
  const key = ["incident", number];
  const asked = useQuery({ queryKey: key, queryFn: () => data(api.GET("/api/v1/incidents/{key}", { params: { path: { key: number } } })) });
  const params = { path: { key: number } };
  /** Asks for the page again; who then tries once more after a conflict sends the version that is true now. */
  const askAgain = (error: unknown) => {
    const asking = queries.invalidateQueries({ queryKey: key });
    // a server that did not answer would be asked for long: what went wrong is said at once
    return error instanceof Failure ? asking : undefined;
  };
  /** Changes it; what goes wrong is the caller's to show, once the page shows what is true now. */
  const change = async (asked: Asked, done: string) => {
    try {
      const now = await data(asked);
      // what was asked before the change and is answered behind it would bring the old version back
      await queries.cancelQueries({ queryKey: key });
      queries.setQueryData(key, now);
    } catch (error) {
      await askAgain(error);
      throw error;
    }
    void queries.invalidateQueries({ queryKey: ["incidents"] });
    void queries.invalidateQueries({ queryKey: ["groups"] });
    setDialog(null);
    tell({ text: done });
  };
  const changeNow = (asked: Asked, done: string) => void change(asked, done).catch((error: unknown) => tell({ error }));
  const found = asked.data;
  const version = found?.version;
  const isOpen = found?.status !== "closed";
  const canTriage = may("triage") && !found?.is_partial;
  const assign = (assignee: string | null) =>
    changeNow(api.POST("/api/v1/incidents/{key}/assign", { params, body: { assignee, version } }), assignee ? t("outcome.assigned", { name: nameOf(assignee) }) : t("incident.unassigned"));
  useKeys({
    ...(canTriage &&
      found && {
        n: () => setDialog("note"),
        ...(isOpen && { a: () => found.assignee !== me.name && assign(me.name), c: () => setDialog("close") }),
      }),
  });

  if (asked.isPending) return <Asking />;
  if (asked.isError || !found) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  return (
    <div className="page">
      <div className="head one-line">
        <span className="muted mono">{found.number}</span>
        <h1>{said(found.title)}</h1>
        {found.is_declared && <span className="tag declared">{t("incident.declared_long")}</span>}
        {found.is_replay && <span className="tag">{named("common", "replay")}</span>}
        <span className="space" />
        {canTriage && isOpen && found.assignee !== me.name && (
          <button type="button" className="button" onClick={() => assign(me.name)}>
            {t("action.assign")} <kbd>a</kbd>
          </button>
        )}
        {!me.scope && <ExportMenu label={t("incident.report")} url={(format) => `/api/v1/reports/incident/${found.number}?${searchOf({ format, language })}`} formats={REPORT_FORMS} part={t("export.part", { limit: 500 })} />}
        {canTriage && isOpen && !found.is_declared && (
          <button type="button" className="button" onClick={() => setDialog("declare")}>
            {t("incident.declare")}
          </button>
        )}
        {canTriage && found.is_declared && (
          <button type="button" className="button" onClick={() => setDialog("withdraw")}>
            {t("incident.withdraw")}
          </button>
        )}
        {canTriage && isOpen && (
          <button type="button" className="button main" onClick={() => setDialog("close")}>
            {t("incident.close")} <kbd>c</kbd>
          </button>
        )}
        {canTriage && !isOpen && (
          <button type="button" className="button" onClick={() => setDialog("reopen")}>
            {t("incident.reopen")}
          </button>
        )}
      </div>
      <p className="sentence">{said(found.sentence)}</p>
      {found.is_partial && <p className="sentence medium">{t("incident.partial")}</p>}
      {found.merged_into !== null && (
        <p className="sentence medium">
          {t("incident.merged_into")} <Link to={`/incidents/${found.merged_into}`}>{found.merged_into}</Link>
        </p>
      )}
      {!isOpen && found.verdict && (
        <p className="sentence">
          <span className="strong">{t("incident.verdict", { verdict: named("common.verdict", found.verdict) })}</span>{" "}
          {found.closed_at && (
            <span className="muted">
              <When at={found.closed_at} form="full" />
            </span>
          )}{" "}
          {found.verdict_reason}
        </p>
      )}
      <div className="columns">
        <div className="column">
          <IncidentFacts
            incident={found}
            onAssign={canTriage && isOpen ? assign : null}
            onMerge={canTriage && isOpen ? () => setDialog("merge") : null}
            onSplit={canTriage && isOpen && found.alert_rows.length > 1 ? () => setDialog("split") : null}
            onTag={canTriage ? () => setDialog("tag") : null}
            onUntag={canTriage ? (tag) => changeNow(api.POST("/api/v1/incidents/{key}/untag", { params, body: { tags: [tag] } }), t("tag.gone", { tag })) : null}
          />
        </div>
        <div className="column">
          <IncidentTimeline
            incident={found}
            onNote={canTriage ? () => setDialog("note") : null}
            onExcept={canTriage && !me.scope ? setExcepting : null}
          />
        </div>
        <div className="column panel">
          <IncidentNext incident={found} />
        </div>
      </div>
      <Suspense>{excepting !== null && <ExceptDialog alert={excepting} onClose={() => setExcepting(null)} />}</Suspense>
      {dialog === "close" && (
        <CloseDialog
          title={t("close.title", { title: found.number })}
          onClose={() => setDialog(null)}
          onVerdict={(verdict, reason) => change(api.POST("/api/v1/incidents/{key}/close", { params, body: { verdict, reason, version } }), t("incident.closed_as", { verdict: named("common.verdict", verdict) }))}
        />
      )}
      {dialog === "declare" && (
        <DeclareDialog
          incident={found}
          onClose={() => setDialog(null)}
          onDeclare={(body) => change(api.POST("/api/v1/incidents/{key}/declare", { params, body: { ...body, version } }), t("incident.declared_done"))}
        />
      )}
      {dialog === "merge" && (
        <MergeDialog
          incident={found}
          onClose={() => setDialog(null)}
          onMerge={(others, reason) => change(api.POST("/api/v1/incidents/{key}/merge", { params, body: { others, reason, version } }), t("merge.done", { number: found.number }))}
        />
      )}
      {dialog === "split" && (
        <SplitDialog
          incident={found}
          onClose={() => setDialog(null)}
          onSplit={async (alerts, reason) => {
            const made = await data(api.POST("/api/v1/incidents/{key}/split", { params, body: { alerts, reason, version } })).catch(async (error: unknown) => {
              await askAgain(error);
              throw error;
            });
            void queries.invalidateQueries({ queryKey: key });
            void queries.invalidateQueries({ queryKey: ["incidents"] });
            setDialog(null);
            tell({ text: t("split.done", { number: made.number }) });
            void navigate(`/incidents/${made.number}`);
          }}
        />
      )}
      {dialog === "note" && (
        <NoteDialog number={found.number} onClose={() => setDialog(null)} onNote={(text) => change(api.POST("/api/v1/incidents/{key}/notes", { params, body: { text } }), t("incident.noted"))} />
      )}
      {dialog === "tag" && (
        <TagDialog
          number={found.number}
          onClose={() => setDialog(null)}
          onTags={(tags) => change(api.POST("/api/v1/incidents/{key}/tags", { params, body: { tags } }), t("tag.done"))}
        />
      )}
      {(dialog === "withdraw" || dialog === "reopen") && (
        <ReasonDialog
          title={dialog === "withdraw" ? t("incident.withdraw") : t("incident.reopen")}
          isNeeded={dialog === "withdraw"}
          onClose={() => setDialog(null)}
          onReason={(reason) =>
            dialog === "withdraw"
              ? change(api.POST("/api/v1/incidents/{key}/withdraw", { params, body: { reason, version } }), t("incident.withdrawn_done"))
              : change(api.POST("/api/v1/incidents/{key}/reopen", { params, body: { reason, version } }), t("incident.reopened"))
          }
        />
      )}
    </div>
  );
}
