// The middle column: alerts, runs, notes and changes in order of time.
import { useState } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { shortHost } from "../lib/host";
import { visible } from "../lib/visible";
import { Choice } from "../parts/choice";
import { Shape } from "../parts/severity";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import type { Detail } from "./incident";
import { huntEvents, huntIncident } from "./links";

type Item = Schemas["TimelineItem"];
type Kind = Item["kind"];
/** What may be shown alone; the steps of runs go with them. */
const KINDS = ["alert", "run", "note", "change"] as const satisfies readonly Kind[];

interface Props {
  incident: Detail;
  onNote: (() => void) | null;
  onExcept: ((alert: number) => void) | null;
}

export function IncidentTimeline({ incident, onNote, onExcept }: Props) {
  const { t } = useWords();
  const [kind, setKind] = useState("");
  const events = huntIncident(incident);
  const count = t(incident.events_at_least ? "hunt.count_least" : "hunt.count", { n: incident.events });
  const items = incident.timeline.filter((item) => !kind || item.kind === kind || (kind === "run" && item.kind === "step"));
  return (
    <>
      <div className="row" style={{ marginBottom: 12 }}>
        <Choice label={t("timeline.show")} value={kind} options={[{ value: "", label: t("choice.all") }, ...KINDS.map((value) => ({ value, label: t(`timeline.${value}`) }))]} onChange={setKind} />
        {onNote && (
          <button type="button" className="button" onClick={onNote}>
            {t("timeline.add_note")} <kbd>n</kbd>
          </button>
        )}
        <span className="space" />
        <span className="muted">
          {events ? <Link className="of" to={events}>{count}</Link> : count} ·{" "}
          <Link className="of" to={`/queue?status=all&incident=${incident.id}`}>{t("queue.alerts", { n: incident.alerts })}</Link>
        </span>
      </div>
      <ol className="timeline">
        {items.map((item) => (
          <li key={`${item.kind}${item.id}${item.at}${item.title.en}`} className={item.kind}>
            <span className="at">
              <When at={item.at} />
            </span>
            <span className="dot">
              <Shape tone={item.level ?? (item.kind === "note" || item.kind === "change" ? "good" : item.kind === "step" && item.status && item.status !== "succeeded" && item.status !== "skipped" ? "high" : "muted")} />
            </span>
            {item.kind === "alert" ? <AlertItem item={item} incident={incident} onExcept={onExcept} /> : <OtherItem item={item} />}
          </li>
        ))}
      </ol>
    </>
  );
}

function AlertItem({ item, incident, onExcept }: { item: Item; incident: Detail; onExcept: Props["onExcept"] }) {
  const { t, said, named } = useWords();
  const alert = incident.alert_rows.find((row) => row.id === item.id);
  const reasons = alert?.reasons ?? [];
  return (
    <div>
      <b>{alert ? <Link className="plain-link" to={huntEvents(alert)}>{said(item.title)}</Link> : said(item.title)}</b>
      <span className="muted">
        {" "}
        {item.count > 1 && t("seen.times", { n: item.count })}
        {alert?.host && <span className="mono" title={alert.host}> {shortHost(alert.host)}</span>}
        {item.status !== "new" && <span> · {named("common.alert_status", item.status)}</span>}
      </span>{" "}
      {onExcept && alert && alert.kind !== "self" && (
        <button type="button" className="link muted except" onClick={() => onExcept(alert.id)}>
          {t("except.open")}
        </button>
      )}
      {item.detail && <div className="mono muted line-clamp">{visible(item.detail)}</div>}
      {reasons.length > 0 && <div className="reason">{t("timeline.because", { reasons: reasons.slice(0, 3).map((reason) => said(reason.text)).join(", ") })}</div>}
    </div>
  );
}

function OtherItem({ item }: { item: Item }) {
  const { t, said, named } = useWords();
  if (item.kind === "note") {
    return (
      <div className="note">
        <span className="muted">
          <Who actor={item.actor} />:{" "}
        </span>
        <span className="note-text">{visible(item.detail)}</span>
      </div>
    );
  }
  if (item.kind === "run") {
    return (
      <div className="note">
        {t("timeline.run_of")} <Link to={`/runs/${item.id}`}>{said(item.title)}</Link> <span className="muted">· {named("common.run_status", item.status)}</span>
      </div>
    );
  }
  if (item.kind === "step") {
    return (
      <div className="note">
        {said(item.title)}{" "}
        <span className="muted">
          {item.actor && (
            <>
              · <Who actor={item.actor} />
            </>
          )}
          {item.status && `· ${named("common.run_status", item.status)}`}
        </span>
        {item.error.en && <div className="high">{visible(said(item.error))}</div>}
      </div>
    );
  }
  return (
    <div>
      <Who actor={item.actor} /> <span className="muted">{said(item.title)}</span> {item.detail && <span>“{visible(item.detail)}”</span>}
    </div>
  );
}
