// Indices that an older version wrote are written anew by the worker: how far it is, and what is in its way.
import type { Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { State } from "../parts/severity";
import { When } from "../parts/when";
import { useWords } from "../words";

type Run = NonNullable<Schemas["StoreState"]["reindexing"]>;

export function Reindex({ run }: { run: Run }) {
  const { t, n, said } = useWords();
  const isClosing = !run.error && run.stage !== "copying" && run.part !== null;
  return (
    <section aria-labelledby="storage-reindex">
      <h2 id="storage-reindex">{t("storage.reindex")}</h2>
      <p>{t(isClosing ? "storage.reindex_how_closing" : "storage.reindex_how")}</p>
      {run.part !== null && (
        <p className="storage-check" role="status">
          <progress aria-label={t("storage.reindex")} max={run.total || undefined} value={run.total > 0 ? Math.min(run.done, run.total) : undefined} />
          {t("storage.reindex_at", { part: visible(run.part), done: n(run.done), total: n(run.total), n: run.left })}
          <span className="muted">
            <When at={run.began} />
          </span>
        </p>
      )}
      {run.error ? (
        <p>
          <State tone="high" text={t("storage.reindex_failed")} /> {said(run.error)}
        </p>
      ) : (
        !run.is_alive && <State tone="medium" text={t("storage.reindex_rests")} />
      )}
    </section>
  );
}
