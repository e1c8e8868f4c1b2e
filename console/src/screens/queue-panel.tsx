// What the current row says: the sentence, why there is an alert, what was seen before, what to do next.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { type Group, titleOf } from "../api/triage";
import { verdictText } from "../lib/seen";
import { visible } from "../lib/visible";
import { Asking, Failed, Incomplete } from "../parts/answer";
import { Facts } from "../parts/facts";
import { Severity } from "../parts/severity";
import { Between, When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { Why } from "./alert-why";
import { eventText, huntEvents, huntHost } from "./links";

interface Props {
  group: Group;
  isDone: boolean;
  onTake: (() => void) | null;
  onClose: (() => void) | null;
  onExcept: (() => void) | null;
  onOpen: () => void;
}

export function QueuePanel({ group, isDone, onTake, onClose, onExcept, onOpen }: Props) {
  const words = useWords();
  const { t, said, named } = words;
  const id = group.newest.id;
  const alert = useQuery({ queryKey: ["alert", id], queryFn: () => data(api.GET("/api/v1/alerts/{alert_id}", { params: { path: { alert_id: id } } })) });
  const found = alert.data;
  return (
    <aside className="side" aria-label={said(titleOf(group))}>
      <h2>{said(titleOf(group))}</h2>
      <p>
        <Severity level={group.level} />
        <span className="muted">
          {" · "}
          {named("common.alert_status", group.newest.status)}
          {group.newest.assignee && (
            <>
              {" · "}
              <Who actor={group.newest.assignee} />
            </>
          )}
          {group.newest.verdict && ` · ${named("common.verdict", group.newest.verdict)}`}
        </span>
        {group.incidents.length > 0 && (
          <span className="muted">
            {" · "}
            {t("panel.belongs")}{" "}
            {group.incidents.slice(0, 3).map((number, at) => (
              <span key={number}>
                {at > 0 && ", "}
                <Link className="whole" to={`/incidents/${number}`}>
                  {number}
                </Link>
              </span>
            ))}
          </span>
        )}
        {group.newest.is_replay && " "}
        {group.newest.is_replay && <span className="tag">{named("common", "replay")}</span>}
      </p>
      {alert.isPending && <Asking />}
      {alert.isError && <Failed error={alert.error} again={() => void alert.refetch()} />}
      {found && (
        <>
          <p style={{ margin: "10px 0" }}>{said(found.sentence)}</p>
          {group.alerts > 1 && (
            <p className="muted" style={{ marginBottom: 8 }}>
              {t("panel.of_group", { n: group.alerts, hits: group.hits })} <Between first={group.first_at} last={group.last_at} />
            </p>
          )}
          <Facts alert={found} />
          <Why alert={found} />
          {found.advice && said(found.advice.reason) && (
            <section>
              <h3>{t("rules.reason")}</h3>
              <p>{said(found.advice.reason)}</p>
            </section>
          )}
          <section>
            <h3>{t("panel.seen")}</h3>
            <p>
              {found.seen_before.here.total > 0 ? t("panel.seen_here", { text: verdictText(found.seen_before.here, words) }) : t("panel.never_here")}{" "}
              {found.seen_before.elsewhere.total > 0 && t("panel.seen_elsewhere", { text: verdictText(found.seen_before.elsewhere, words) })}
            </p>
          </section>
          <Evidence alert={found} />
          <section>
            <h3>{t("panel.next")}</h3>
            <ol className="steps">
              {found.advice && said(found.advice.remediation) && <li>{said(found.advice.remediation)}</li>}
              {group.incidents[0] && (
                <li>
                  <Link to={`/incidents/${group.incidents[0]}`}>{t("panel.open_incident", { number: group.incidents[0] })}</Link>
                </li>
              )}
              <li>
                <Link to={huntEvents(found)}>{t("panel.hunt_events")}</Link>
              </li>
              {found.host && (
                <li>
                  <Link to={huntHost(found)}>{t("panel.hunt_host", { host: found.host })}</Link>
                </li>
              )}
              {found.host && (
                <li>
                  <Link to={`/queue?status=pending&host=${encodeURIComponent(found.host)}`}>{t("panel.other_alerts", { host: found.host })}</Link>
                </li>
              )}
            </ol>
          </section>
        </>
      )}
      <div className="row wrap panel-actions">
        {onTake && (
          <button type="button" className="button main" onClick={onTake} disabled={isDone}>
            {t("action.assign")} <kbd>a</kbd>
          </button>
        )}
        {group.incidents.length > 0 && (
          <button type="button" className="button" onClick={onOpen}>
            {t("action.open")} <kbd>Enter</kbd>
          </button>
        )}
        {onClose && (
          <button type="button" className="button" onClick={onClose} disabled={isDone}>
            {t("action.close")} <kbd>c</kbd>
          </button>
        )}
        {onExcept && group.newest.kind !== "self" && (
          <button type="button" className="button" onClick={onExcept}>
            {t("except.open")}
          </button>
        )}
      </div>
    </aside>
  );
}

/** The first events as they came; of a correlation more of them, each with its time and host, as they make the alert together. */
function Evidence({ alert }: { alert: Schemas["AlertDetail"] }) {
  const { t } = useWords();
  const { id, kind } = alert;
  const events = useQuery({ queryKey: ["alert", id, "events"], queryFn: () => data(api.GET("/api/v1/alerts/{alert_id}/events", { params: { path: { alert_id: id } } })) });
  const limit = kind === "correlation" ? 10 : 3;
  if (!events.data) return null;
  const { events: found, not_found: lost, truth } = events.data;
  if (found.length + lost.length === 0) return null;
  return (
    <section>
      <h3>{t("panel.evidence")}</h3>
      {found.slice(0, limit).map((event) => (
        <p key={String(event["event.id"])} className="mono line-clamp">
          {kind === "correlation" && (
            <span className="muted">
              <When at={String(event["@timestamp"])} /> {typeof event["host.name"] === "string" && visible(event["host.name"])}{" "}
            </span>
          )}
          {visible(eventText(event))}
        </p>
      ))}
      {found.length > limit && <p className="muted">{t("panel.more_events", { n: found.length - limit })}</p>}
      {lost.length > 0 && <p className="high">{t(truth.complete ? "panel.lost_events" : "panel.unread_events", { n: lost.length })}</p>}
      {lost.length > 0 && !truth.complete && <Incomplete truth={truth} />}
    </section>
  );
}
