// One's own second factor: switched on in steps, its recovery codes made anew, switched off.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "../api/client";
import { Asking, Failed } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { Field, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { useWords } from "../words";
import { CodeField, RecoveryCodes, TotpSetup } from "./totp-setup";

export default function Totp({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [codes, setCodes] = useState<string[] | null>(null);
  const asked = useQuery({ queryKey: ["totp"], queryFn: () => data(api.GET("/api/v1/auth/totp")), staleTime: 0 });
  if (codes || !asked.data?.since) {
    return (
      <Dialog title={t("access.totp")} onClose={onClose} isForm>
        {asked.isPending && <Asking />}
        {asked.isError && <Failed error={asked.error} again={() => void asked.refetch()} />}
        {codes ? <RecoveryCodes codes={codes} onDone={onClose} /> : asked.data && <TotpSetup onDone={onClose} />}
      </Dialog>
    );
  }
  const { since, recovery_codes_left: left, is_required: isRequired } = asked.data;
  const send = async (form: FormData) => {
    const code = textOf(form, "code");
    if (form.get("do") === "codes") {
      setCodes((await data(api.POST("/api/v1/auth/totp/codes", { body: { code } }))).recovery_codes);
      return;
    }
    const password = String(form.get("password"));
    if (!password) throw new Error(t("access.off_needs"));
    await data(api.POST("/api/v1/auth/totp/off", { body: { password, code } }));
    tell({ text: t("access.is_off") });
    onClose();
    await queries.refetchQueries({ queryKey: ["me"] });
  };
  return (
    <FormDialog title={t("access.totp")} onClose={onClose} onSend={send}>
      <CodeField label={t("access.code")} />
      <Field label={t("access.password_to_end")}>
        <input className="input" name="password" type="password" autoComplete="current-password" />
      </Field>
      <p className="muted">
        {t("access.since")} <When at={since} form="full" /> · {t("access.left", { n: left })}
      </p>
      {isRequired && <p className="muted">{t("access.required")}</p>}
      <div className="form-actions">
        <button type="submit" className="button" name="do" value="off">
          {t("access.off")}
        </button>
        <button type="submit" className="button main" name="do" value="codes">
          {t("access.new_codes")}
        </button>
      </div>
    </FormDialog>
  );
}
