// Closing with a verdict: one key a verdict, a reason where there is something to say.
import { useLayoutEffect, useRef } from "react";
import { VERDICTS, type Verdict } from "../api/triage";
import { isTyping } from "../lib/keys";
import { ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useWords } from "../words";

export function CloseDialog(props: { title: string; onClose: () => void; onVerdict: (verdict: Verdict, reason: string) => Promise<void> }) {
  const { t, named } = useWords();
  const verdicts = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const button = verdicts.current?.querySelectorAll("button")[Number(event.key) - 1];
      if (!button || isTyping(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      button.click();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <FormDialog title={props.title} onClose={props.onClose} onSend={(form) => props.onVerdict(textOf(form, "verdict") as Verdict, textOf(form, "reason"))}>
      <div className="verdicts" role="group" aria-label={t("close.verdict")} ref={verdicts}>
        {VERDICTS.map((verdict, at) => (
          <button key={verdict} type="submit" name="verdict" value={verdict} className="button">
            <span>
              <span className="first-letter">{named("common.verdict", verdict)}</span> <span className="muted">{t(`close.${verdict}`)}</span>
            </span>
            <kbd>{at + 1}</kbd>
          </button>
        ))}
      </div>
      <ReasonField label={t("close.reason")} />
    </FormDialog>
  );
}
