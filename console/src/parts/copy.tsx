// Puts a text on the clipboard and says so.
import { useState } from "react";
import { useWords } from "../words";

const SAID_FOR = 2_000;

export function Copy({ text, isFirst, label }: { text: string; isFirst?: boolean; label?: string }) {
  const { t } = useWords();
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    window.setTimeout(() => setDone(false), SAID_FOR);
  };
  // over plain HTTP from another machine there is no clipboard
  if (!("clipboard" in navigator)) return null;
  return (
    <button type="button" className="button small" data-autofocus={isFirst} onClick={() => void copy()}>
      {isDone ? t("copy.done") : (label ?? t("copy.do"))}
    </button>
  );
}
