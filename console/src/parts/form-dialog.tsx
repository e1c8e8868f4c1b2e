// Every form in a dialog: the first field has the focus, Ctrl Enter sends, Esc leaves, and what went wrong stands in it.
import { type FormEvent, type KeyboardEvent, type ReactNode, useEffect, useState } from "react";
import { useWords } from "../words";
import { Dialog } from "./dialog";
import { Problem } from "./problem";

interface Props {
  title: string;
  onClose: () => void;
  wide?: boolean;
  width?: number;
  /** What the button says that sends; without it the buttons among the fields send. */
  send?: string;
  /** There is nothing to send yet. */
  isBlocked?: boolean;
  /** Sends what the fields hold; what it throws is shown, and the form stays. */
  onSend: (form: FormData) => Promise<void>;
  children: ReactNode;
}

const FIELD = "input:not([type=hidden]), select, textarea, button";

/** The modal takes the focus to what is marked so. */
function markFirst(fields: HTMLElement | null): void {
  fields?.querySelector(FIELD)?.setAttribute("data-autofocus", "");
}

export function FormDialog({ title, onClose, wide, width, send, isBlocked = false, onSend, children }: Props) {
  const { t } = useWords();
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    // a dialog stands outside the page's tree but inside React's: a form around it is not meant
    event.stopPropagation();
    if (isBusy || isBlocked) return;
    const by = (event.nativeEvent as SubmitEvent).submitter;
    const form = new FormData(event.currentTarget, by instanceof HTMLButtonElement && by.name ? by : null);
    setBusy(true);
    setProblem(null);
    try {
      await onSend(form);
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  // what leaves the page ends what was sent; the browser asks first
  useEffect(() => {
    if (!isBusy) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isBusy]);
  // the browser's bubble says it in the browser's language
  const onInvalid = ({ target }: FormEvent<HTMLFormElement>) => {
    const field = target as HTMLInputElement;
    if (field.validity.valueMissing) field.setCustomValidity(t("form.needed"));
  };
  const onInput = ({ target }: FormEvent<HTMLFormElement>) => (target as HTMLInputElement).setCustomValidity?.("");
  const onKeyDown = (event: KeyboardEvent<HTMLFormElement>) => {
    if (send && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.currentTarget.requestSubmit();
    }
  };
  return (
    <Dialog title={title} onClose={onClose} wide={wide} width={width} isForm>
      <form className="form" aria-busy={isBusy} onSubmit={(event) => void submit(event)} onInvalidCapture={onInvalid} onInputCapture={onInput} onKeyDown={onKeyDown}>
        <div className="form" ref={markFirst}>
          {children}
        </div>
        {problem !== null && <Problem error={problem} />}
        {send && (
          <div className="form-actions">
            {isBusy && (
              <span className="muted" role="status">
                {t("form.busy")}
              </span>
            )}
            <button type="button" className="button" onClick={onClose}>
              {t("action.cancel")}
            </button>
            <button type="submit" className="button main" disabled={isBlocked || isBusy} aria-keyshortcuts="Control+Enter">
              {send} <kbd aria-hidden="true">Ctrl ⏎</kbd>
            </button>
          </div>
        )}
      </form>
    </Dialog>
  );
}
