// Why there is an alert: by selection what matched, the line of the rule, what could have excluded it; of a correlation what it asks.
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { type Text, useWords } from "../words";
import { rulePath } from "./links";
import "../styles/why.css";

type Alert = Schemas["AlertDetail"];
type Matched = Schemas["Matched"];
const SHOWN = 12;
const SIGNS: Record<string, string> = { gte: "≥", lte: "≤", lt: "<", eq: "=", neq: "≠", gt: ">" };

export function Why({ alert }: { alert: Alert }) {
  const { t, said, n } = useWords();
  const { distinct, explained } = alert.summary;
  const shown = alert.matched.slice(0, SHOWN);
  const selections = [...new Set(shown.map((match) => match.selection))];
  const filters = alert.why?.filters ?? [];
  const file = alert.rule_file.split("/").at(-1);
  return (
    <section className="why">
      <h3>{t("panel.why")}</h3>
      {typeof explained === "object" && <p>{said(explained as Text)}</p>}
      {selections.map((selection) => (
        <div key={selection}>
          {selection && (
            <p className="why-selection">
              <span className="mono">{selection}</span> <span className="muted">{t("why.matched")}</span>
            </p>
          )}
          <dl className="pairs">
            {shown
              .filter((match) => match.selection === selection)
              .map((match) => (
                <Match key={`${match.field}${String(match.value)}${match.line}`} match={match} alert={alert} />
              ))}
          </dl>
        </div>
      ))}
      {alert.matched.length > SHOWN && <p className="muted">{t("fact.more", { n: alert.matched.length - SHOWN })}</p>}
      {filters.length > 0 && (
        <p className="muted">
          {t("why.filters")} <span className="mono">{filters.map(visible).join(", ")}</span>
        </p>
      )}
      {typeof distinct === "number" && (
        <p>
          {t("panel.distinct")}: <b>{n(distinct)}</b>
        </p>
      )}
      {alert.why?.correlation && <Asked asked={alert.why.correlation} />}
      {alert.rule_file && (
        <p className="muted">
          {t("panel.rule")}{" "}
          <Link className="mono" to={rulePath(alert.rule_id, alert.rule_line)}>
            {file}
            {alert.rule_line !== null && `:${alert.rule_line}`}
          </Link>
        </p>
      )}
    </section>
  );
}

/** A field with its value, and the line of the rule that asked for it; where nothing was to be there, that is said. */
function Match({ match, alert }: { match: Matched; alert: Alert }) {
  const { t } = useWords();
  const line = match.line ? alert.why?.lines[match.line] : undefined;
  return (
    <>
      <dt className="mono">{visible(match.field) || t("why.keyword")}</dt>
      <dd className="mono">
        {match.value === null ? <span className="muted">{t("why.missing")}</span> : <span className="hit">{visible(typeof match.value === "string" ? match.value : JSON.stringify(match.value))}</span>}
        {line && (
          <Link className="why-line" to={rulePath(alert.rule_id, match.line)} title={visible(line)}>
            {match.line}: {visible(line)}
          </Link>
        )}
      </dd>
    </>
  );
}

function Asked({ asked }: { asked: Schemas["Correlated"] }) {
  const { t, n, said, named } = useWords();
  const bounds = asked.bounds.map((bound) => `${SIGNS[bound.operator] ?? bound.operator} ${n(bound.number)}`).join(", ");
  return (
    <>
      <p>
        {named("why.type", asked.type)} {asked.fields.length > 0 && <span className="mono">{asked.fields.map(visible).join(", ")} </span>}
        {bounds && <b>{bounds} </b>}
        {t(asked.type === "first_seen" ? "why.learnt" : "why.within", { span: said(asked.timespan) })}
        {asked.group_by.length > 0 && (
          <>
            {" "}
            {t("why.group")} <span className="mono">{asked.group_by.map(visible).join(", ")}</span>
          </>
        )}
      </p>
      <ul className="why-rules">
        {asked.rules.map((rule) => (
          <li key={rule.id}>
            <Link to={rulePath(rule.id)}>{said(rule.title)}</Link>
          </li>
        ))}
      </ul>
    </>
  );
}
