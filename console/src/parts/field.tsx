// A labelled field of a form.
import type { ReactNode } from "react";

export function Field({ label, children }: { label: ReactNode; children: ReactNode }) {
  return (
    <label className="field">
      <span className="label">{label}</span>
      {children}
    </label>
  );
}

/** Words of a person about what they do: kept in the journal. */
export function ReasonField({ label, isNeeded = false, rows = 3, limit = 20_000 }: { label: string; isNeeded?: boolean; rows?: number; limit?: number }) {
  return (
    <Field label={label}>
      <textarea className="input" name="reason" rows={rows} maxLength={limit} required={isNeeded} />
    </Field>
  );
}

/** What a field of a form holds, without the blanks around it. */
export const textOf = (form: FormData, name: string): string => String(form.get(name) ?? "").trim();
