// Puts a text on the clipboard and says so; where that is refused, shows it to be copied by hand.
import { useState } from "react";
import { useClipboard } from "./by-hand";
import { useWords } from "../words";

const SAID_FOR = 2_000;

export function Copy({ text, isFirst, label }: { text: string; isFirst?: boolean; label?: string }) {
  const { t } = useWords();
  const [isDone, setDone] = useState(false);
  const [clip, byHand] = useClipboard(label ?? t("copy.do"), t("copy.by_hand"));
  const copy = async () => {
    if (!(await clip(text))) return;
    setDone(true);
    window.setTimeout(() => setDone(false), SAID_FOR);
  };
  return (
    <>
      <button type="button" className="button small" data-autofocus={isFirst} onClick={() => void copy()}>
        {isDone ? t("copy.done") : (label ?? t("copy.do"))}
      </button>
      {byHand}
    </>
  );
}
