// Switching the second factor on: the password, then the picture and a code of the device, then the recovery codes.
import { type FormEvent, useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { Copy } from "../parts/copy";
import { Field, textOf } from "../parts/field";
import { Problem } from "../parts/problem";
import { Qr } from "../parts/qr";
import { useWords } from "../words";

/** `onDone` is called when the codes have been seen. */
export function TotpSetup({ onDone }: { onDone: () => void }) {
  const { t } = useWords();
  const [begun, setBegun] = useState<Schemas["Begun"] | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    event.stopPropagation();
    const form = new FormData(event.currentTarget);
    setProblem(null);
    try {
      if (!begun) setBegun(await data(api.POST("/api/v1/auth/totp", { body: { password: String(form.get("password")) } })));
      else setCodes((await data(api.POST("/api/v1/auth/totp/confirm", { body: { code: textOf(form, "code") } }))).recovery_codes);
    } catch (error) {
      setProblem(error);
    }
  };
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      {begun ? (
        <>
          <p>{t("access.scan")}</p>
          <Qr rows={begun.picture} label={t("access.picture")} />
          <details>
            <summary>{t("access.cannot_scan")}</summary>
            <p className="row wrap">
              <span className="mono">{begun.secret.match(/.{1,4}/g)?.join(" ")}</span> <Copy text={begun.secret} />
            </p>
          </details>
          <CodeField label={t("access.code_now")} />
        </>
      ) : (
        <>
          <p className="muted">{t("access.what")}</p>
          <Field label={t("password.current")}>
            <input className="input" name="password" type="password" autoComplete="current-password" required data-autofocus autoFocus />
          </Field>
        </>
      )}
      {problem !== null && <Problem error={problem} />}
      <div className="form-actions">
        <button type="submit" className="button main">
          {begun ? t("access.on") : t("access.go_on")}
        </button>
      </div>
    </form>
  );
}

/** A field for a one-time code, which phones offer to fill in. */
export function CodeField({ label }: { label: string }) {
  return (
    <Field label={label} key={label}>
      <input className="input mono" name="code" autoComplete="one-time-code" autoCapitalize="none" spellCheck={false} maxLength={20} required autoFocus />
    </Field>
  );
}

/** The recovery codes, which are shown this once. */
export function RecoveryCodes({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  const { t } = useWords();
  return (
    <div className="form">
      <p>{t("access.keep_codes")}</p>
      <ul className="codes mono" aria-label={t("access.codes")}>
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="form-actions">
        <Copy text={codes.join("\n")} />
        <button type="button" className="button main" onClick={onDone}>
          {t("access.kept")}
        </button>
      </div>
    </div>
  );
}
