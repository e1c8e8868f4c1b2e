// The address of a question with its time as it is at this moment, so that whoever opens it asks the same.
import { useClipboard } from "../parts/by-hand";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

/** The address of the page with other values of its parameters. */
export function addressWith(range: { from: string; to: string }): string {
  const params = new URLSearchParams(window.location.search);
  for (const name of ["saved", "version"]) params.delete(name);
  for (const [name, value] of Object.entries(range)) params.set(name, value);
  return `${window.location.origin}${window.location.pathname}?${params}`;
}

export function HuntShare({ range }: { range: { from: string; to: string } }) {
  const { t } = useWords();
  const tell = useToast();
  const [copy, byHand] = useClipboard(t("hunt.share"), t("hunt.share_help"));
  const share = async () => {
    if (await copy(addressWith(range))) tell({ text: t("hunt.shared") });
  };
  return (
    <>
      <button type="button" className="button" title={t("hunt.share_help")} onClick={() => void share()}>
        {t("hunt.share")}
      </button>
      {byHand}
    </>
  );
}
