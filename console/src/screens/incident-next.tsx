// The right column: what waits for a decision, what to do next, what has run.
import { useQueries } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api, data } from "../api/client";
import { useHouse } from "../parts/house";
import { useWords } from "../words";
import type { Detail } from "./incident";
import { RunCard, WAITING } from "./run-card";
import { StartRun } from "./start-run";

const RULES_SHOWN = 4;

export function IncidentNext({ incident }: { incident: Detail }) {
  const { t } = useWords();
  const waiting = incident.runs.filter((run) => WAITING.has(run.status));
  const { may } = useHouse();
  const [isStarting, setStarting] = useState(false);
  const others = incident.runs.filter((run) => !WAITING.has(run.status));
  const canStart = may("triage") && !incident.is_partial;
  return (
    <>
      {waiting.map((run) => (
        <RunCard key={run.id} id={run.id} />
      ))}
      <Advice incident={incident} />
      {(others.length > 0 || canStart) && (
        <section>
          <h3>{t("incident.runs")}</h3>
          {others.map((run) => (
            <RunCard key={run.id} id={run.id} isShort />
          ))}
          {canStart && (
            <button type="button" className="button" onClick={() => setStarting(true)}>
              {t("start.open")}
            </button>
          )}
        </section>
      )}
      {isStarting && <StartRun number={incident.number} onClose={() => setStarting(false)} />}
    </>
  );
}

/** What the rules of the alerts say is to be done. */
function Advice({ incident }: { incident: Detail }) {
  const { t, said } = useWords();
  const ids = [...new Set(incident.alert_rows.map((alert) => alert.rule_id))].slice(0, RULES_SHOWN);
  const rules = useQueries({
    queries: ids.map((id) => ({
      queryKey: ["rule", id],
      staleTime: 300_000,
      retry: false,
      queryFn: () => data(api.GET("/api/v1/rules/{rule_id}", { params: { path: { rule_id: id } } })),
    })),
  });
  const advice = rules.flatMap((rule) => (rule.data && said(rule.data.remediation) ? [rule.data] : []));
  const hosts = incident.entities.filter((entity) => entity.kind === "host").slice(0, 3);
  return (
    <section>
      <h2>{t("panel.next")}</h2>
      <ol className="advice">
        {advice.map((rule) => (
          <li key={rule.id}>
            {said(rule.remediation)} <span className="muted">({said(rule.title)})</span>
          </li>
        ))}
        {hosts.map((host) => (
          <li key={host.value}>
            <Link to={`/queue?status=all&host=${encodeURIComponent(host.value)}`}>{t("panel.other_alerts", { host: host.value })}</Link>
          </li>
        ))}
        {!incident.is_declared && incident.status !== "closed" && <li>{t("incident.advice_declare")}</li>}
      </ol>
    </section>
  );
}
