// Closing with a verdict: one key a verdict, a reason where there is something to say.
import { useEffect, useState } from "react";
import { VERDICTS, type Verdict } from "../api/triage";
import { isTyping } from "../lib/keys";
import { Dialog } from "../parts/dialog";
import { useWords } from "../words";

export function CloseDialog(props: { title: string; onClose: () => void; onVerdict: (verdict: Verdict, reason: string) => Promise<void> }) {
  const { title, onClose, onVerdict } = props;
  const { t, named } = useWords();
  const [reason, setReason] = useState("");
  const [isBusy, setBusy] = useState(false);
  const give = async (verdict: Verdict) => {
    if (isBusy) return;
    setBusy(true);
    await onVerdict(verdict, reason.trim());
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const verdict = VERDICTS[Number(event.key) - 1];
      if (!verdict || isTyping(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      void give(verdict);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="form">
        <div className="form" style={{ gap: 6 }} role="group" aria-label={t("close.verdict")}>
          {VERDICTS.map((verdict, at) => (
            <button
              key={verdict}
              type="button"
              className="button"
              style={{ justifyContent: "space-between", height: 34 }}
              disabled={isBusy}
              data-autofocus={at === 0 || undefined}
              onClick={() => void give(verdict)}
            >
              <span>
                <span className="first-letter">{named("common.verdict", verdict)}</span>{" "}
                <span className="muted">{t(`close.${verdict}`)}</span>
              </span>
              <kbd>{at + 1}</kbd>
            </button>
          ))}
        </div>
        <label className="field">
          <span className="label">{t("close.reason")}</span>
          <textarea className="input" rows={3} maxLength={20_000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
      </div>
    </Dialog>
  );
}
