// What was seen before, in a few words.
import type { Schemas } from "../api/client";
import type { Speech } from "../words";

type Verdicts = Schemas["Verdicts"];

/** `14 lần, được phép`; `3 lần, 1 cảnh báo sai` when verdicts differ. */
export function verdictText(found: Verdicts, { t, n }: Speech): string {
  const kinds = (["true_positive", "benign", "false_positive", "duplicate"] as const).filter((kind) => found[kind] > 0);
  const times = t("seen.times", { n: found.total });
  const [only] = kinds;
  if (kinds.length === 1 && only && found[only] === found.total) return `${times}, ${t(`seen.all.${only}`)}`;
  return [times, ...kinds.map((kind) => `${n(found[kind])} ${t(`seen.all.${kind}`)}`)].join(", ");
}

/** In one cell: on this host, else elsewhere, else not yet. */
export function seenText(seen: Schemas["SeenBefore"], words: Speech): string {
  if (seen.here.total > 0) return verdictText(seen.here, words);
  if (seen.elsewhere.total > 0) return `${words.t("seen.elsewhere")}: ${verdictText(seen.elsewhere, words)}`;
  return words.t("seen.never");
}
