// Splitting an incident: the chosen alerts go into a new one; one alert at least stays.
import { useChosen } from "../lib/chosen";
import { shortHost } from "../lib/host";
import { ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { Shape } from "../parts/severity";
import { When } from "../parts/when";
import { useWords } from "../words";
import type { Detail } from "./incident";

export function SplitDialog({ incident, onClose, onSplit }: { incident: Detail; onClose: () => void; onSplit: (alerts: number[], reason: string) => Promise<void> }) {
  const { t, said } = useWords();
  const [chosen, toggle] = useChosen();
  const isAll = chosen.size === incident.alert_rows.length;
  return (
    <FormDialog title={t("split.title", { number: incident.number })} onClose={onClose} wide send={t("split.do")} isBlocked={chosen.size === 0 || isAll} onSend={(form) => onSplit([...chosen], textOf(form, "reason"))}>
      <fieldset className="options scroll">
        <legend className="label">{t("split.which")}</legend>
        {incident.alert_rows.map((alert) => (
          <label key={alert.id}>
            <input type="checkbox" checked={chosen.has(alert.id)} onChange={() => toggle(alert.id)} />
            <Shape tone={alert.level} />
            <span>
              <When at={alert.first_at} /> {said(alert.rule_title)} <span className="mono">{shortHost(alert.host)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {isAll && <p className="medium">{t("split.one_stays")}</p>}
      <ReasonField label={t("declare.reason")} rows={2} />
    </FormDialog>
  );
}
