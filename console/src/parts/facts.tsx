// The small facts of an alert: from whom, by which account, to where, what was run.
import type { Schemas } from "../api/client";
import { Link } from "react-router";
import { type EntityKind, entityPath } from "../lib/entity";
import { visible } from "../lib/visible";
import { useWords } from "../words";

const FACTS = ["from", "user", "target_user", "to", "port", "command", "file", "url", "domain"] as const;
const ENTITY_OF: Partial<Record<(typeof FACTS)[number], EntityKind>> = { from: "ip", to: "ip", user: "user", target_user: "user", file: "file", url: "url", domain: "domain" };
const SHOWN = 3;

export function Facts({ alert }: { alert: Schemas["AlertSummary"] }) {
  const { t } = useWords();
  const rows = FACTS.flatMap((key) => {
    const value = alert.summary[key];
    const values = (Array.isArray(value) ? value : value ? [value] : []).map(String);
    return values.length ? [{ key, values }] : [];
  });
  return (
    <dl className="pairs">
      {alert.host && (
        <>
          <dt>{t("column.host")}</dt>
          <dd className="mono">
            <Link className="of" to={entityPath("host", alert.host)}>{visible(alert.host)}</Link>
          </dd>
        </>
      )}
      {rows.map(({ key, values }) => (
        <Row key={key} name={t(`fact.${key}`)} kind={ENTITY_OF[key]} values={values} />
      ))}
    </dl>
  );
}

function Row({ name, kind, values }: { name: string; kind?: EntityKind; values: string[] }) {
  const { t } = useWords();
  return (
    <>
      <dt>{name}</dt>
      <dd className="mono" title={values.join("\n")}>
        {values.slice(0, SHOWN).map((value, at) => (
          <span key={value}>
            {at > 0 && ", "}
            {kind ? <Link className="of" to={entityPath(kind, value)}>{visible(value)}</Link> : visible(value)}
          </span>
        ))}
        {values.length > SHOWN && <span className="muted"> {t("fact.more", { n: values.length - SHOWN })}</span>}
      </dd>
    </>
  );
}
