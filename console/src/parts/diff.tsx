// What differs between two texts, as `diff -u` tells it.
import { visible } from "../lib/visible";
import { useWords } from "../words";

const KINDS: Record<string, string> = { "+": "added", "-": "removed", "@": "place" };

export function Diff({ text }: { text: string }) {
  const { t } = useWords();
  if (!text) return <p className="muted">{t("draft.same")}</p>;
  return (
    <pre className="diff mono" tabIndex={0} aria-label={t("draft.difference")}>
      {text
        .replace(/\n$/, "")
        .split("\n")
        .map((line, at) => (
          // a line is its place
          <span key={at} className={/^(---|\+\+\+) /.test(line) ? "place" : KINDS[line[0] ?? ""]}>
            {visible(line)}
            {"\n"}
          </span>
        ))}
    </pre>
  );
}
