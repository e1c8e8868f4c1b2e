// Splitting an incident: the chosen alerts go into a new one; one alert at least stays.
import { useState } from "react";
import { useChosen } from "../lib/chosen";
import { shortHost } from "../lib/host";
import { Dialog } from "../parts/dialog";
import { Shape } from "../parts/severity";
import { When } from "../parts/when";
import { useWords } from "../words";
import type { Detail } from "./incident";

export function SplitDialog({ incident, onClose, onSplit }: { incident: Detail; onClose: () => void; onSplit: (alerts: number[], reason: string) => void }) {
  const { t, said } = useWords();
  const [chosen, toggle] = useChosen();
  const [reason, setReason] = useState("");
  const isAll = chosen.size === incident.alert_rows.length;
  return (
    <Dialog title={t("split.title", { number: incident.number })} onClose={onClose} wide>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          onSplit([...chosen], reason.trim());
        }}
      >
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
        <label className="field">
          <span className="label">{t("declare.reason")}</span>
          <textarea className="input" rows={2} maxLength={20_000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main" disabled={chosen.size === 0 || isAll}>
            {t("split.do")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
