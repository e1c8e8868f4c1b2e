// One rule: its text with what is wrong in it, its samples, what it would have done, who changed it; beside them what it can do and does.
import { Link, useLocation, useNavigate, useParams } from "react-router";
import { countedFrom, sum } from "../lib/hits";
import { literal } from "../lib/query-text";
import { written } from "../lib/time";
import { useAddress } from "../lib/address";
import { useKeys } from "../lib/keys";
import type { Schemas } from "../api/client";
import { Asking, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { Severity } from "../parts/severity";
import { DayBars } from "../parts/day-bars";
import { When } from "../parts/when";
import { useWords } from "../words";
import { hunt } from "./links";
import { RuleBacktest } from "./rule-backtest";
import { RuleExceptions } from "./rule-exceptions";
import { RuleHistory } from "./rule-history";
import { CoverageSections, ModeChoice, RuleWords } from "./rule-mode";
import { useRule } from "./rule-panel";
import { RuleSamples } from "./rule-samples";
import { RuleText } from "./rule-text";
import "../styles/rules.css";

const TABS = ["text", "samples", "backtest", "history", "exceptions"] as const;

export default function RulePage() {
  const { t, said, named, language } = useWords();
  const { id = "" } = useParams();
  const { key, search } = useLocation();
  const [get] = useAddress();
  const go = useNavigate();
  const asked = useRule(id);
  const rule = asked.data;
  const tabs = TABS.filter((name) => name !== "backtest" || rule?.kind === "rule");
  const tab = tabs.find((name) => name === get("tab")) ?? "text";
  // back to the row and the filter that one came from; an address that was opened by itself has none behind it
  useKeys({ Escape: () => void (key === "default" ? go(`/detections?at=${encodeURIComponent(id)}`) : go(-1)) });
  if (asked.isPending) return <Asking />;
  if (!rule)
    return (
      <div className="page">
        <Failed error={asked.error} again={() => void asked.refetch()} />
        <p style={{ padding: "0 16px" }}>
          <Link to="/detections">{t("rules.to_list")}</Link>
        </p>
      </div>
    );
  const to = (name: string) => {
    const params = new URLSearchParams(search);
    params.set("tab", name);
    return `?${params}`;
  };
  return (
    <div className="page">
      <div className="head">
        <Link to="/detections">{t("rules.title")}</Link>
        <span className="muted">/</span>
        <h1>{said(rule.title)}</h1>
        <Severity level={rule.level} />
        <span className="muted">{[rule.package, rule.status, rule.kind === "rule" ? rule.logsource : named("common.kind", rule.kind)].filter(Boolean).join(" · ")}</span>
      </div>
      <div className="head">
        <nav className="tabs" aria-label={said(rule.title)}>
          {tabs.map((name) => (
            <Link key={name} to={to(name)} replace className={tab === name ? "active" : ""} aria-current={tab === name ? "page" : undefined}>
              {name === "exceptions" ? t("except.list") : t(`rule.tab.${name}`)}
            </Link>
          ))}
        </nav>
      </div>
      <div className="split">
        <div className="rule-main">
          {tab === "text" && <RuleText key={rule.id} rule={rule} />}
          {tab === "samples" && <RuleSamples rule={rule} />}
          {tab === "backtest" && <RuleBacktest key={rule.id} rule={rule} />}
          {tab === "history" && <RuleHistory rule={rule} />}
          {tab === "exceptions" && <RuleExceptions rule={rule} />}
        </div>
        <aside className="side" aria-label={t("rule.about")}>
          {rule.asks && (
            <section>
              <h3>{t("rule.asks")}</h3>
              <p>{said(rule.asks)}</p>
            </section>
          )}
          <CoverageSections rule={rule} />
          <Hits rule={rule} />
          <ModeChoice rule={rule} />
          <RuleWords rule={rule} />
          {rule.tags.length > 0 && (
            <section>
              <h3>{t("rule.tags")}</h3>
              <p className="mono muted">
                {rule.tags.map((tag, at) => (
                  <span key={tag}>
                    {at > 0 && ", "}
                    <Tag tag={tag} />
                  </span>
                ))}
              </p>
            </section>
          )}
          {rule.references.length > 0 && (
            <section>
              <h3>{t("rule.references")}</h3>
              {rule.references.map((each) => (
                <p key={each} className="mono muted">{each}</p>
              ))}
            </section>
          )}
          <section>
            <h3>{t("rule.id")}</h3>
            <p className="row wrap">
              <span className="mono muted">{rule.id}</span> <Copy text={rule.id} />
            </p>
            {(rule.author || rule.date) && <p className="muted">{[rule.author, rule.date && t("rule.dated", { date: written(rule.date, language) })].filter(Boolean).join(" · ")}</p>}
          </section>
        </aside>
      </div>
    </div>
  );
}

function Tag({ tag }: { tag: string }) {
  const [, technique] = /^attack\.(t\d{4})/i.exec(tag) ?? [];
  return technique ? <Link className="of" to={`/detections/matrix?technique=${technique.toUpperCase()}`}>{tag}</Link> : <>{tag}</>;
}

const EVER = "2000-01-01";

/** How often it matched in the last 30 days, day by day, and where those events and alerts are. */
function Hits({ rule }: { rule: Schemas["RuleDetail"] }) {
  const { t } = useWords();
  const from = countedFrom(rule, rule.kind);
  const query = rule.kind === "rule" ? hunt(`kydai.rules: ${literal(rule.id)} and event.ingested >= now-30d`, { from: EVER }) : null;
  return (
    <section>
      <h3>{t("rules.hits")}</h3>
      {rule.hits ? (
        <>
          <DayBars values={rule.hits} days={rule.days.map(Date.parse)} from={from} label={t("rules.hits_by_day", { n: sum(rule.hits) })} />
          <p>
            {from === rule.days.length
              ? t("rules.never_counted")
              : query
                ? <Link to={query}>{t("rules.hits_by_day", { n: sum(rule.hits) })}</Link>
                : t("rules.alerts_by_day", { n: sum(rule.hits) })}
          </p>
          {from > 0 && from < rule.days.length && rule.counted_from && (
            <p className="muted">
              {t("rules.counted_since")} <When at={rule.counted_from} form="full" />
            </p>
          )}
        </>
      ) : (
        <p className="muted">{t("rules.hits_scope")}</p>
      )}
      <p>
        <Link to={`/queue?status=all&rule=${encodeURIComponent(rule.id)}`}>{t("rule.alerts", { n: rule.alerts })}</Link>
      </p>
    </section>
  );
}
