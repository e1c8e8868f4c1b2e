// Copying where it may be refused: over plain HTTP from another machine there is no clipboard, and a browser may forbid it.
import { type ReactNode, useState } from "react";
import { Dialog } from "./dialog";
import { Field } from "./field";

/** A way to copy (false: refused) and, to be drawn, the dialog that then shows the text to copy by hand. */
export function useClipboard(title: string, label: string): [copy: (text: string) => Promise<boolean>, byHand: ReactNode] {
  const [shown, setShown] = useState<string | null>(null);
  const copy = async (text: string) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      setShown(text);
      return false;
    }
  };
  const byHand = shown !== null && (
    <Dialog title={title} onClose={() => setShown(null)} wide>
      <Field label={label}>
        <textarea className="input mono" rows={3} readOnly data-autofocus value={shown} onFocus={(event) => event.currentTarget.select()} />
      </Field>
    </Dialog>
  );
  return [copy, byHand];
}
