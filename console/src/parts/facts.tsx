// The small facts of an alert: from whom, by which account, to where, what was run.
import type { Schemas } from "../api/client";
import { useWords } from "../words";

const FACTS = ["from", "user", "to", "port", "command", "file", "url", "domain"] as const;
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
          <dd className="mono">{alert.host}</dd>
        </>
      )}
      {rows.map(({ key, values }) => (
        <Row key={key} name={t(`fact.${key}`)} values={values} />
      ))}
    </dl>
  );
}

function Row({ name, values }: { name: string; values: string[] }) {
  const { t } = useWords();
  return (
    <>
      <dt>{name}</dt>
      <dd className="mono" title={values.join("\n")}>
        {values.slice(0, SHOWN).join(", ")}
        {values.length > SHOWN && <span className="muted"> {t("fact.more", { n: values.length - SHOWN })}</span>}
      </dd>
    </>
  );
}
