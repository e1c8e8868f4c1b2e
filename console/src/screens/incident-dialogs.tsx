// Declaring a security incident, and what needs a reason.
import { type FormEvent, useState } from "react";
import { moment, typed } from "../lib/time";
import { Dialog } from "../parts/dialog";
import { useHouse } from "../parts/house";
import { MomentField } from "../parts/moment-field";
import { useWords } from "../words";
import type { Detail } from "./incident";

export interface DeclarationText {
  detected_at: string;
  category: string;
  reason: string;
}

const CATEGORIES = ["intrusion", "malware", "data_leak", "deface", "denial", "phishing", "other"] as const;

export function DeclareDialog({ incident, onClose, onDeclare }: { incident: Detail; onClose: () => void; onDeclare: (text: DeclarationText) => void }) {
  const { t, language } = useWords();
  const { zone } = useHouse().me;
  const [problem, setProblem] = useState("");
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const at = typed(String(form.get("at")), zone);
    if (Number.isNaN(at)) {
      setProblem(t("moment.wrong"));
      return;
    }
    onDeclare({ detected_at: new Date(at).toISOString(), category: String(form.get("category")), reason: String(form.get("reason")).trim() });
  };
  return (
    <Dialog title={t("declare.title", { number: incident.number })} onClose={onClose} wide>
      <form className="form" onSubmit={submit}>
        <p className="muted">{t("declare.meaning")}</p>
        <MomentField label={t("declare.detected")} name="at" initial={moment(Date.parse(incident.created_at), language, zone).slice(0, -3)} problem={problem} isFirst />
        <label className="field">
          <span className="label">{t("incident.category")}</span>
          <input className="input" name="category" list="categories" required maxLength={100} autoComplete="off" />
          <datalist id="categories">
            {CATEGORIES.map((name) => (
              <option key={name} value={t(`category.${name}`)} />
            ))}
          </datalist>
        </label>
        <label className="field">
          <span className="label">{t("declare.reason")}</span>
          <textarea className="input" name="reason" rows={3} required maxLength={20_000} />
        </label>
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main">
            {t("declare.do")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function ReasonDialog(props: { title: string; isNeeded: boolean; onClose: () => void; onReason: (reason: string) => void }) {
  const { t } = useWords();
  const [reason, setReason] = useState("");
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          props.onReason(reason.trim());
        }}
      >
        <label className="field">
          <span className="label">{t("declare.reason")}</span>
          <textarea className="input" rows={3} maxLength={20_000} data-autofocus required={props.isNeeded} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <div className="form-actions">
          <button type="button" className="button" onClick={props.onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main">
            {props.title}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Tags of one's own, beside those of the rules. */
export function TagDialog({ number, onClose, onTags }: { number: string; onClose: () => void; onTags: (tags: string[]) => void }) {
  const { t } = useWords();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("tags"));
    const tags = text.split(",").map((tag) => tag.trim()).filter(Boolean);
    if (tags.length > 0) onTags(tags.slice(0, 20));
  };
  return (
    <Dialog title={t("tag.title", { number })} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <label className="field">
          <span className="label">{t("tag.which")}</span>
          <input className="input" name="tags" required maxLength={400} data-autofocus autoComplete="off" />
        </label>
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main">
            {t("action.save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
