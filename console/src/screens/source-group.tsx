// A group of sources: how many are in which state, and what is done with all of them at once.
import { countsOf, type GroupHead } from "../lib/source-groups";
import { visible } from "../lib/visible";
import { useHouse } from "../parts/house";
import { useWords } from "../words";

export type Do = (what: "edit" | "maintain", names: readonly string[]) => void;

export function GroupTitle({ head }: { head: GroupHead }) {
  const { t, n, named } = useWords();
  return (
    <span>
      <b>{head.title ? visible(head.title) : t("sources.by_nothing")}</b>
      <span className="muted">
        {" · "}
        {t("sources.count", { n: n(head.members.length) })}
        {countsOf(head.members).map(([state, count]) => (
          <span key={state} className={state === "silent" ? "high" : state === "never" ? "critical" : undefined}>
            {` · ${n(count)} ${named("common.source_state", state)}`}
          </span>
        ))}
      </span>
    </span>
  );
}

export function GroupPanel({ head, onDo, onClose }: { head: GroupHead; onDo: Do; onClose: () => void }) {
  const { t } = useWords();
  const { may } = useHouse();
  const declared = head.members.filter((source) => source.is_declared).map((source) => source.name);
  return (
    <section className="source-panel" aria-label={head.title || t("sources.by_nothing")}>
      <div className="row wrap">
        <GroupTitle head={head} />
        <span className="space" />
        {may("house") && declared.length > 0 && (
          <>
            <button type="button" className="button small" onClick={() => onDo("edit", declared)}>
              {t("source.edit_group", { n: declared.length })}
            </button>
            <button type="button" className="button small" onClick={() => onDo("maintain", declared)}>
              {t("source.maintain_group", { n: declared.length })}
            </button>
          </>
        )}
        <button type="button" className="icon-button" aria-label={t("action.hide")} onClick={onClose}>
          ×
        </button>
      </div>
    </section>
  );
}
