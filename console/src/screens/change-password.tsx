// One's own password.
import { api, data } from "../api/client";
import { Field } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

export function ChangePassword({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const tell = useToast();
  const send = async (form: FormData) => {
    const [current, chosen] = [String(form.get("current")), String(form.get("new"))];
    if (chosen !== form.get("again")) throw new Error(t("password.differ"));
    await data(api.POST("/api/v1/auth/password", { body: { current, new: chosen } }));
    tell({ text: t("password.saved") });
    onClose();
  };
  return (
    <FormDialog title={t("menu.password")} onClose={onClose} send={t("password.save")} onSend={send}>
      <p className="muted">{t("password.rule")}</p>
      <Field label={t("password.current")}>
        <input className="input" name="current" type="password" autoComplete="current-password" required />
      </Field>
      <NewPassword />
    </FormDialog>
  );
}

/** A password typed twice. */
export function NewPassword({ isFirst = false }: { isFirst?: boolean }) {
  const { t } = useWords();
  return (
    <>
      <Field label={t("password.new")}>
        <input className="input" name="new" type="password" autoComplete="new-password" required autoFocus={isFirst} />
      </Field>
      <Field label={t("password.again")}>
        <input className="input" name="again" type="password" autoComplete="new-password" required />
      </Field>
    </>
  );
}
