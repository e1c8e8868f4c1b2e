// To the other engine: a command on the server, as it needs the settings there. Here is how far it is.
import type { Schemas } from "../api/client";
import { Copy } from "../parts/copy";
import { State } from "../parts/severity";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";

type Store = Schemas["StoreState"];

export function Move({ store }: { store: Store }) {
  const { t, named } = useWords();
  const target = store.engine === "elastic" ? "segments" : "elastic";
  const { source, target: to } = store.move ?? { source: store.engine, target };
  const command = `kydai store move ${source} ${to}`;
  const engines = { from: named("storage.engine", source), to: named("storage.engine", to) };
  return (
    <section aria-labelledby="storage-move">
      <h2 id="storage-move">{t("storage.move")}</h2>
      {store.move ? <UnderWay move={store.move} engines={engines} /> : <p>{t("storage.move_how", engines)}</p>}
      {!store.move?.is_alive && (
        <p className="storage-command">
          <code className="mono">{command}</code> <Copy text={command} />
        </p>
      )}
      {!store.move && <p className="muted">{t("storage.move_then")}</p>}
    </section>
  );
}

function UnderWay({ move, engines }: { move: NonNullable<Store["move"]>; engines: { from: string; to: string } }) {
  const { t, n } = useWords();
  const done = move.stage === "proving" ? move.proven : move.copied;
  return (
    <>
      <p className="storage-check" role="status">
        {t("storage.moving", engines)}
        {move.stage !== "closing" && <progress aria-label={t("storage.move")} max={move.events || undefined} value={move.events > 0 ? Math.min(done, move.events) : undefined} />}
        {t(`storage.move_${move.stage}`, { done: n(done), events: n(move.events) })}
        <span className="muted">
          <Who actor={move.by} />, <When at={move.began} />
        </span>
      </p>
      {!move.is_alive && <State tone="medium" text={t("storage.move_rests")} />}
    </>
  );
}
