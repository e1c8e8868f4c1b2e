// A time typed as it is read everywhere else: browsers would show it in the order of their own country.
import { useWords } from "../words";

interface Props {
  label: string;
  name: string;
  initial: string;
  /** What is wrong with what was typed. */
  problem?: string;
  /** It may stay empty. */
  isOptional?: boolean;
}

export function MomentField({ label, name, initial, problem, isOptional = false }: Props) {
  const { t } = useWords();
  return (
    <label className="field">
      <span className="label">
        {label} <span className="muted">{t("moment.form")}</span>
      </span>
      <input className="input" name={name} defaultValue={initial} required={!isOptional} autoComplete="off" inputMode="numeric" aria-invalid={!!problem} />
      {problem && (
        <span className="error" role="alert">
          {problem}
        </span>
      )}
    </label>
  );
}
