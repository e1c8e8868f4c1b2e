// The address of a question with its time as it is at this moment, so that whoever opens it asks the same.
import { useState } from "react";
import { Dialog } from "../parts/dialog";
import { Field } from "../parts/field";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

/** The address of the page with other values of its parameters. */
export function addressWith(range: { from: string; to: string }): string {
  const params = new URLSearchParams(window.location.search);
  params.delete("saved");
  for (const [name, value] of Object.entries(range)) params.set(name, value);
  return `${window.location.origin}${window.location.pathname}?${params}`;
}

export function HuntShare({ range }: { range: { from: string; to: string } }) {
  const { t } = useWords();
  const tell = useToast();
  const [shown, setShown] = useState<string | null>(null);
  const share = async () => {
    const address = addressWith(range);
    try {
      // over plain HTTP from another machine there is no clipboard, and a browser may forbid it
      await navigator.clipboard.writeText(address);
      tell({ text: t("hunt.shared") });
    } catch {
      setShown(address);
    }
  };
  return (
    <>
      <button type="button" className="button" title={t("hunt.share_help")} onClick={() => void share()}>
        {t("hunt.share")}
      </button>
      {shown && (
        <Dialog title={t("hunt.share")} onClose={() => setShown(null)} wide>
          <Field label={t("hunt.share_help")}>
            <input className="input mono" readOnly data-autofocus value={shown} onFocus={(event) => event.currentTarget.select()} />
          </Field>
        </Dialog>
      )}
    </>
  );
}
