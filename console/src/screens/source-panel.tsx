// The check of one source: what is wrong and what to do, what was heard of it, raws that nobody could parse.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { api, data } from "../api/client";
import { entityPath } from "../lib/entity";
import { literal } from "../lib/query-text";
import { BUCKETS, lostText } from "../lib/source-state";
import { duration } from "../lib/time";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { useHouse } from "../parts/house";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { useWords } from "../words";
import { hunt } from "./links";
import type { Do } from "./source-group";
import { undoOf } from "./source-undo";
import { BalanceLine } from "./sources";

const HEARD = 12;

export function SourcePanel({ name, onDo, onClose }: { name: string; onDo: Do; onClose: () => void }) {
  const { t, said, n, language } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const asked = useQuery({ queryKey: ["sources", "check", name], queryFn: () => data(api.GET("/api/v1/sources/check", { params: { query: { source: name } } })) });
  const found = asked.data;
  const mend = async (zone: string) => {
    try {
      const done = await data(api.POST("/api/v1/sources/edit", { body: { sources: [name], changes: { zone } } }));
      tell({ text: t("source.zone_set", { name, zone }), undo: undoOf(done.entry, queries) });
      void queries.invalidateQueries({ queryKey: ["sources"] });
    } catch (error) {
      tell({ error });
    }
  };
  const act = async (path: "/api/v1/sources/remove" | "/api/v1/sources/maintenance/end", text: string) => {
    try {
      const done = await data(api.POST(path, { body: { sources: [name] } }));
      tell({ text, undo: undoOf(done.entry, queries) });
      void queries.invalidateQueries({ queryKey: ["sources"] });
      if (path.endsWith("remove")) onClose();
    } catch (error) {
      tell({ error });
    }
  };
  return (
    <section className="source-panel" aria-label={name}>
      {asked.isPending && <Asking />}
      {asked.isError && <Failed error={asked.error} again={() => void asked.refetch()} />}
      {found && (
        <>
          <div className="row wrap">
            <h2 className="mono-title">{name}</h2>
            <span className="muted">
              {[found.source.product, found.source.system, found.source.agency, found.source.place, found.source.level !== null && t("source.level", { level: String(found.source.level) }), found.source.zone].filter(Boolean).join(" · ")}
            </span>
            {found.source.usual_gap_seconds !== null && <span className="muted">{t("source.usual_gap", { gap: duration(found.source.usual_gap_seconds * 1000, language) })}</span>}
            <span className="space" />
            <button type="button" className="icon-button" aria-label={t("action.hide")} onClick={onClose}>
              ×
            </button>
          </div>
          <div className="row wrap source-actions">
            {may("house") && found.source.is_declared && (
              <>
                <button type="button" className="button small" onClick={() => onDo("edit", [name])}>
                  {t("source.edit")}
                </button>
                {found.source.maintenance ? (
                  <button type="button" className="button small" onClick={() => void act("/api/v1/sources/maintenance/end", t("source.maintenance_ended", { name }))}>
                    {t("source.end_maintenance")}
                  </button>
                ) : (
                  <button type="button" className="button small" onClick={() => onDo("maintain", [name])}>
                    {t("source.maintain")}
                  </button>
                )}
                <button type="button" className="button small" onClick={() => void act("/api/v1/sources/remove", t("source.removed", { name }))}>
                  {t("source.remove")}
                </button>
              </>
            )}
            <Link to={hunt(`kydai.source: ${literal(name)}`)}>{t("source.hunt")}</Link>
          </div>
          {found.source.maintenance && (
            <p>
              {t("source.maintenance_of")} <When at={found.source.maintenance.end_at} form="full" /> · {visible(found.source.maintenance.owner)}: {visible(found.source.maintenance.reason)}
            </p>
          )}
          <p>
            <BalanceLine balance={found.source.balance} source={name} />
          </p>
          <Lost said={found.said} receivers={found.receivers} />
          <Hours name={name} />
          <div className="source-columns">
            <div>
              <h3>{t("source.problems")}</h3>
              {found.problems.length === 0 && <p className="good">{t("source.well")}</p>}
              <ol className="steps">
                {found.problems.map((problem) => (
                  <li key={problem.key}>
                    {said(problem.text)}
                    {problem.key === "wrong_zone" && may("house") && found.source.is_declared && (
                      <button type="button" className="button small" style={{ marginLeft: 8 }} onClick={() => void mend("UTC")}>
                        {t("source.set_utc")}
                      </button>
                    )}
                  </li>
                ))}
              </ol>
              {found.unparsed.length > 0 && (
                <>
                  <h3>{t("source.unparsed")}</h3>
                  {found.unparsed.map((line) => (
                    <p key={line} className="mono line-clamp">
                      {visible(line)}
                    </p>
                  ))}
                </>
              )}
            </div>
            <div>
              <h3>{t("source.heard")}</h3>
              <table className="plain-table">
                <thead>
                  <tr>
                    <th scope="col">{t("column.host")}</th>
                    <th scope="col" style={{ minWidth: 130 }}>
                      {t("source.dataset")}
                    </th>
                    <th scope="col" className="right whole">
                      {t("source.count")}
                    </th>
                    <th scope="col" className="right whole">
                      {t("column.last")}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {found.heard.slice(0, HEARD).map((heard) => (
                    <tr key={`${heard.host} ${heard.dataset}`}>
                      <td className="mono">{heard.host ? <Link to={entityPath("host", heard.host)}>{visible(heard.host)}</Link> : "–"}</td>
                      <td className="mono">{heard.dataset}</td>
                      <td className="right whole">{n(heard.count)}</td>
                      <td className="right whole muted">
                        <When at={heard.last_at} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {found.heard.length > HEARD && <p className="muted">{t("fact.more", { n: found.heard.length - HEARD })}</p>}
            </div>
          </div>
        </>
      )}
    </section>
  );
}

/** What its own numbers say is missing, and what the kernel dropped and a full disk refused of all senders together. */
function Lost({ said, receivers }: { said: Schemas["Said"]; receivers: Schemas["ReceiverSaid"][] }) {
  const speech = useWords();
  const { t } = speech;
  const isLost = Object.values(said.lost).some((count) => count > 0);
  const how = !said.is_known ? t("source.lost_unknown") : said.is_doubtful ? t("source.lost_doubtful") : t("source.lost_how");
  return (
    <p className="muted">
      {t("source.lost")} <b className={isLost ? "medium" : "ink"}>{lostText(said, speech)}</b> ({how})
      {receivers
        .flatMap(({ name, kernel_drops, refused }) => [kernel_drops > 0 && t("source.kernel", { name, n: kernel_drops }), refused > 0 && t("source.refused", { name, n: refused })])
        .filter((line) => line !== false)
        .map((line) => (
          <span key={line}>
            {" · "}
            <span className="medium">{line}</span>
          </span>
        ))}
    </p>
  );
}

/** The balance hour by hour, the newest first. */
function Hours({ name }: { name: string }) {
  const speech = useWords();
  const { t, n } = speech;
  const [isOpen, setOpen] = useState(false);
  const asked = useQuery({
    queryKey: ["sources", "ledger", name],
    enabled: isOpen,
    queryFn: () => data(api.GET("/api/v1/sources/ledger", { params: { query: { source: name } } })),
  });
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="muted">{t("source.hours")}</summary>
      {asked.data && (
        <table className="plain-table numbers">
          <thead>
            <tr>
              <th scope="col">{t("source.hour")}</th>
              {(["received", ...BUCKETS] as const).map((bucket) => (
                <th key={bucket} scope="col" className="right">
                  {t(`balance.${bucket}`)}
                </th>
              ))}
              <th scope="col" className="right">
                {t("source.lost_head")}
              </th>
              <th scope="col">{t("column.status")}</th>
            </tr>
          </thead>
          <tbody>
            {asked.data.hours.toReversed().map((hour) => (
              <tr key={hour.hour}>
                <td className="muted">
                  <When at={hour.hour} />
                </td>
                {(["received", ...BUCKETS] as const).map((bucket) => (
                  <td key={bucket} className="right">
                    {n(hour.balance.raws[bucket] ?? 0)}
                  </td>
                ))}
                <td className={hour.said.is_known ? "right" : "right muted"}>{lostText(hour.said, speech)}</td>
                <td>
                  {hour.balance.holds ? <span className="good">{t("balance.holds")}</span> : <span className="critical">{t("balance.off", { n: Math.abs(hour.balance.raws_off_by) + Math.abs(hour.balance.events_off_by) })}</span>}
                  {hour.reasons.length > 0 && <span className="muted"> {hour.reasons.map((reason) => `${reason.reason}: ${n(reason.count)}`).join(", ")}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
