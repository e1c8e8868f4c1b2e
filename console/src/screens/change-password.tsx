// One's own password.
import { type FormEvent, useState } from "react";
import { api, data } from "../api/client";
import { Dialog } from "../parts/dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

export function ChangePassword({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const tell = useToast();
  const [problem, setProblem] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [current, chosen] = [String(form.get("current")), String(form.get("new"))];
    if (chosen !== form.get("again")) {
      setProblem(t("password.differ"));
      return;
    }
    try {
      await data(api.POST("/api/v1/auth/password", { body: { current, new: chosen } }));
      tell({ text: t("password.saved") });
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Dialog title={t("menu.password")} onClose={onClose}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <p className="muted">{t("password.rule")}</p>
        {problem && (
          <p className="error" role="alert">
            {problem}
          </p>
        )}
        <label className="field">
          <span className="label">{t("password.current")}</span>
          <input className="input" name="current" type="password" autoComplete="current-password" required data-autofocus />
        </label>
        <label className="field">
          <span className="label">{t("password.new")}</span>
          <input className="input" name="new" type="password" autoComplete="new-password" required />
        </label>
        <label className="field">
          <span className="label">{t("password.again")}</span>
          <input className="input" name="again" type="password" autoComplete="new-password" required />
        </label>
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main">
            {t("password.save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
