// What a rule would have done over a chosen past: followed while it is judged, ended by a button or by leaving.
import { useState } from "react";
import { Link } from "react-router";
import { api, type Schemas } from "../api/client";
import { literal } from "../lib/query-text";
import { typed } from "../lib/time";
import { visible } from "../lib/visible";
import { Failed, Incomplete, TruthLine } from "../parts/answer";
import { DayBars } from "../parts/day-bars";
import { useHouse } from "../parts/house";
import { type Ask, useLookedThrough } from "../parts/looked-through";
import { RangeChoice } from "../parts/range-choice";
import { State } from "../parts/severity";
import { Between } from "../parts/when";
import { useWords } from "../words";
import { shareOf } from "./hunt-count";
import { hunt } from "./links";

type Found = Schemas["BacktestOf"];

/** Of a rule in force. */
export function RuleBacktest({ rule }: { rule: Schemas["RuleDetail"] }) {
  const ask: Ask = (query, signal) => api.GET("/api/v1/rules/{rule_id}/backtest/stream", { params: { path: { rule_id: rule.id }, query }, signal, parseAs: "stream" });
  return <Backtest ask={ask} mark={rule.hits?.some(Boolean) ? rule.id : null} />;
}

/** Of a text that is being written; ``id`` of the rule that it changes. */
export function DraftBacktest({ id, body }: { id: string | null; body: Schemas["RuleText"] }) {
  const ask: Ask = (query, signal) => api.POST("/api/v1/rules/backtest/stream", { params: { query: { ...query, rule: id ?? undefined } }, body, signal, parseAs: "stream" });
  return <Backtest ask={ask} mark={null} />;
}

/** ``mark``: the rule's id where stored events say that it matched them. */
function Backtest({ ask, mark }: { ask: Ask; mark: string | null }) {
  const { t } = useWords();
  const { may } = useHouse();
  const [range, setRange] = useState({ from: "now-30d", to: "now" });
  const { progress, found, error, run, stop } = useLookedThrough<Schemas["BacktestMessage"]>(ask, range);
  return (
    <>
      <div className="row wrap rule-bar">
        <span>{t("backtest.about")}</span>
        <span className="space" />
        <RangeChoice from={range.from} to={range.to} onChange={setRange} />
        {progress ? (
          <button type="button" className="button" onClick={stop}>
            {t("backtest.stop")}
          </button>
        ) : (
          <button type="button" className="button main" disabled={!may("triage")} onClick={() => void run()}>
            {t("backtest.run")}
          </button>
        )}
      </div>
      {progress && (
        <p role="status" className="rule-bar">
          <progress aria-label={t("backtest.run")} max={progress.whole || undefined} value={progress.whole > 0 ? progress.done : undefined} />
          {t("backtest.far", { n: progress.found, share: shareOf(progress) })}
        </p>
      )}
      {error !== null && <Failed error={error} again={() => void run()} />}
      {found && <Result mark={mark} found={found} />}
    </>
  );
}

function Result({ mark, found }: { mark: string | null; found: Found }) {
  const { t, n } = useWords();
  const { zone } = useHouse().me;
  const numbers = [
    [t("backtest.hits"), n(found.hits)],
    [t("backtest.taken"), n(found.taken)],
    [t("backtest.alerts"), n(found.alerts)],
    [t("backtest.busiest"), n(found.busiest)],
    [t("backtest.cost"), found.micros === null ? "–" : t("backtest.micros", { n: found.micros, events: found.measured })],
  ] as const;
  return (
    <div aria-live="polite">
      {!found.truth.complete || !found.truth.exact ? (
        <Incomplete truth={found.truth} />
      ) : (
        <p>
          <Between first={found.start} last={found.end} /> · <TruthLine truth={found.truth} />
        </p>
      )}
      {found.doubtful > 0 && <p className="critical">{t("backtest.doubtful", { n: found.doubtful })}</p>}
      {found.would_stop && (
        <p>
          <State tone="high" text={t("backtest.would_stop")} />
        </p>
      )}
      <dl className="numbers">
        {numbers.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {found.hits === 0 ? (
        <p className="muted">{t("backtest.nothing")}</p>
      ) : (
        <>
          <DayBars values={found.days.map((each) => each.hits)} days={found.days.map((each) => typed(each.day, zone))} label={t("backtest.by_day")} />
          <table className="plain-table">
            <thead>
              <tr>
                <th>{t("backtest.field")}</th>
                <th>{t("backtest.value")}</th>
                <th className="right">{t("backtest.hits")}</th>
              </tr>
            </thead>
            <tbody>
              {found.values.map((each) => (
                <tr key={`${each.field}=${each.value}`}>
                  <td className="mono muted">{visible(each.field)}</td>
                  <td className="mono">
                    <Link to={hunt(`${each.field}: ${literal(each.value)}${mark ? ` and kydai.rules: ${literal(mark)}` : ""}`, { from: found.start, to: found.end })}>
                      <span className="line-clamp">{visible(each.value)}</span>
                    </Link>
                  </td>
                  <td className="right">{n(each.hits)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {found.joins && <JoinedIncidents joins={found.joins} />}
        </>
      )}
    </div>
  );
}

/** The incidents that its alerts would have joined when they came. */
function JoinedIncidents({ joins }: { joins: Schemas["Joins"] }) {
  const { t, n, said } = useWords();
  return (
    <>
      <p className={joins.total > 0 ? undefined : "muted"} style={{ marginTop: 14 }}>{t(joins.total > 0 ? "backtest.joins" : "backtest.joins_none", { looked: joins.alerts, alerts: joins.joined, incidents: joins.total })}</p>
      {joins.total > 0 && (
        <table className="plain-table">
          <thead>
            <tr>
              <th>{t("backtest.incident")}</th>
              <th>{t("backtest.shared")}</th>
              <th className="right">{t("rules.alerts")}</th>
            </tr>
          </thead>
          <tbody>
            {joins.incidents.map((each) => (
              <tr key={each.number}>
                <td>
                  <Link to={`/incidents/${each.number}`}>
                    {each.number} {said(each.title)}
                  </Link>
                </td>
                <td className="mono muted">{each.shared.map(visible).join(", ")}</td>
                <td className="right">{n(each.alerts)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {joins.total > joins.incidents.length && <p className="muted">{t("fact.more", { n: joins.total - joins.incidents.length })}</p>}
    </>
  );
}
