// One entity (host, account, address …): the incidents and alerts that it is in, and the way to its events.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data } from "../api/client";
import { groupKey, titleOf } from "../api/triage";
import { useAddress } from "../lib/address";
import { entityQuery, isKind } from "../lib/entity";
import { shortHost } from "../lib/host";
import { DAY } from "../lib/time";
import { isWhole } from "../lib/truth";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { Severity } from "../parts/severity";
import { Between } from "../parts/when";
import { useWords } from "../words";
import { hunt } from "./links";
import "../styles/entity.css";

const SHOWN = 50;
const SPAN = "now-24h";

export default function Entity() {
  const { t, n, said, named } = useWords();
  const [get] = useAddress();
  const kind = get("kind");
  const value = get("value");
  const entity = `${kind}:${value}`;
  const query = entityQuery(kind, value);
  const isReal = isKind(kind) && value !== "";
  const incidents = useQuery({
    queryKey: ["incidents", "entity", entity],
    enabled: isReal,
    queryFn: () => data(api.GET("/api/v1/incidents", { params: { query: { entity, limit: SHOWN } } })),
  });
  const alerts = useQuery({
    queryKey: ["groups", "entity", entity],
    enabled: isReal,
    queryFn: () => data(api.GET("/api/v1/alerts/groups", { params: { query: { entity, limit: SHOWN } } })),
  });
  const events = useQuery({
    queryKey: ["count", entity],
    enabled: isReal,
    retry: false,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/count", { params: { query: { query, from: SPAN, to: "now" } }, signal })),
  });
  if (!isReal) return <Empty title={t("entity.unknown")} text={t("entity.unknown_help")} />;
  const to = (path: string) => `${path}?${new URLSearchParams({ status: "all", entity })}`;
  return (
    <div className="page">
      <div className="head">
        <span className="muted">{t(`entity.kind.${kind}`)}</span>
        <h1 className="mono-title" title={value}>
          {visible(value)}
        </h1>
        <Copy text={value} />
        <span className="space" />
        <span className="muted">
          {events.data && (
            <>
              <Link className="of" to={hunt(query, { from: SPAN })}>{t(isWhole(events.data.truth) ? "hunt.count" : "hunt.count_least", { n: events.data.count })}</Link> {t("entity.in_a_day")}
            </>
          )}
        </span>
        <Link className="button" to={hunt(query, { from: new Date(Date.now() - 7 * DAY).toISOString() })}>
          {t("entity.hunt_week")}
        </Link>
      </div>
      <div className="entity-page">
        <section>
          <h2>
            {t("nav.incidents")} {incidents.data && <Link className="of" to={to("/incidents")}>{n(incidents.data.total ?? 0)}</Link>}
          </h2>
          {incidents.isPending && <Asking />}
          {incidents.isError && <Failed error={incidents.error} again={() => void incidents.refetch()} />}
          {incidents.data?.items.length === 0 && <p className="muted">{t("entity.no_incidents")}</p>}
          {incidents.data && incidents.data.items.length > 0 && (
            <table className="plain-table">
              <tbody>
                {incidents.data.items.map((incident) => (
                  <tr key={incident.id}>
                    <td className="level">
                      <Severity level={incident.level} />
                    </td>
                    <td className="mono number">
                      <Link to={`/incidents/${incident.number}`}>{incident.number}</Link>
                    </td>
                    <td>{said(incident.title)}</td>
                    <td className="muted time">
                      <Between first={incident.first_at} last={incident.last_at} />
                    </td>
                    <td className="muted state">{incident.verdict ? named("common.verdict", incident.verdict) : named("common.incident_status", incident.status)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
        <section>
          <h2>
            {t("entity.alerts")} {alerts.data && <Link className="of" to={to("/queue")}>{n(alerts.data.alerts)}</Link>}
          </h2>
          {alerts.isPending && <Asking />}
          {alerts.isError && <Failed error={alerts.error} again={() => void alerts.refetch()} />}
          {alerts.data?.items.length === 0 && <p className="muted">{t("entity.no_alerts")}</p>}
          {alerts.data && alerts.data.items.length > 0 && (
            <table className="plain-table">
              <tbody>
                {alerts.data.items.map((group) => (
                  <tr key={groupKey(group)}>
                    <td className="level">
                      <Severity level={group.level} />
                    </td>
                    <td className="mono number" title={group.host}>
                      {group.host ? shortHost(group.host) : "–"}
                    </td>
                    <td>
                      <Link className="plain-link of" to={`/queue?${new URLSearchParams({ status: "all", entity, at: groupKey(group) })}`}>
                        {said(titleOf(group))}
                      </Link>
                      {group.alerts > 1 && <span className="muted"> {t("queue.alerts", { n: group.alerts })}</span>}
                    </td>
                    <td className="muted time">
                      <Between first={group.first_at} last={group.last_at} />
                    </td>
                    <td className="muted state">{group.newest.verdict ? named("common.verdict", group.newest.verdict) : named("common.alert_status", group.newest.status)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
      </div>
    </div>
  );
}
