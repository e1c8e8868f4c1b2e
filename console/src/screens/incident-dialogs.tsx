// Declaring a security incident, and what needs a reason.
import { useState } from "react";
import type { Schemas } from "../api/client";
import { moment, typed } from "../lib/time";
import { Field, ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useHouse } from "../parts/house";
import { MomentField } from "../parts/moment-field";
import { useWords } from "../words";
import type { Detail } from "./incident";

export interface DeclarationText {
  detected_at: string;
  category: Schemas["Category"];
  reason: string;
}

const CATEGORIES: readonly Schemas["Category"][] = ["intrusion", "malware", "data_leak", "deface", "denial", "phishing", "other"];

export function DeclareDialog({ incident, onClose, onDeclare }: { incident: Detail; onClose: () => void; onDeclare: (text: DeclarationText) => Promise<void> }) {
  const { t, language, named } = useWords();
  const { zone } = useHouse().me;
  const [problem, setProblem] = useState("");
  const send = async (form: FormData) => {
    const at = typed(textOf(form, "at"), zone);
    setProblem(Number.isNaN(at) ? t("moment.wrong") : "");
    const category = CATEGORIES.find((name) => name === textOf(form, "category"));
    if (!Number.isNaN(at) && category) await onDeclare({ detected_at: new Date(at).toISOString(), category, reason: textOf(form, "reason") });
  };
  return (
    <FormDialog title={t("declare.title", { number: incident.number })} onClose={onClose} wide send={t("declare.do")} onSend={send}>
      <p className="muted">{t("declare.meaning")}</p>
      <MomentField label={t("declare.detected")} name="at" initial={moment(Math.max(Date.parse(incident.created_at), Date.parse(incident.first_at)), language, zone).slice(0, -3)} problem={problem} />
      <Field label={t("incident.category")}>
        <select className="input" name="category" required defaultValue="">
          <option value="" disabled>
            {t("declare.choose")}
          </option>
          {CATEGORIES.map((name) => (
            <option key={name} value={name}>
              {named("common.category", name)}
            </option>
          ))}
        </select>
      </Field>
      <ReasonField label={t("declare.reason")} isNeeded />
    </FormDialog>
  );
}

export function ReasonDialog(props: { title: string; isNeeded: boolean; onClose: () => void; onReason: (reason: string) => Promise<void> }) {
  const { t } = useWords();
  return (
    <FormDialog title={props.title} onClose={props.onClose} send={props.title.replace(/…$/, "")} onSend={(form) => props.onReason(textOf(form, "reason"))}>
      <ReasonField label={t("declare.reason")} isNeeded={props.isNeeded} />
    </FormDialog>
  );
}

export function NoteDialog({ number, onClose, onNote }: { number: string; onClose: () => void; onNote: (text: string) => Promise<void> }) {
  const { t } = useWords();
  return (
    <FormDialog title={t("note.title", { number })} onClose={onClose} wide send={t("action.save")} onSend={(form) => onNote(textOf(form, "text"))}>
      <Field label={t("timeline.note")}>
        <textarea className="input" name="text" rows={5} maxLength={20_000} required />
      </Field>
    </FormDialog>
  );
}

/** Tags of one's own, beside those of the rules. */
export function TagDialog({ number, onClose, onTags }: { number: string; onClose: () => void; onTags: (tags: string[]) => Promise<void> }) {
  const { t } = useWords();
  const send = async (form: FormData) => {
    const tags = textOf(form, "tags").split(",").map((tag) => tag.trim()).filter(Boolean);
    if (tags.length > 0) await onTags(tags.slice(0, 20));
  };
  return (
    <FormDialog title={t("tag.title", { number })} onClose={onClose} send={t("tag.do")} onSend={send}>
      <Field label={t("tag.which")}>
        <input className="input" name="tags" required maxLength={400} autoComplete="off" />
      </Field>
    </FormDialog>
  );
}
