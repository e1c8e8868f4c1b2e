// A run whole: its steps, the approvals, what was done to the world.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data } from "../api/client";
import { Asking, Failed } from "../parts/answer";
import { visible } from "../lib/visible";
import { When } from "../parts/when";
import { useWords } from "../words";
import { Approvals, Newcomers, Preview, type Run, RunState, Undo, Waiting, WAITING } from "./run-card";

/** What an effect did; nothing of one that was undone is told as if it held. */
function didOf(effect: Run["effects"][number]): Record<string, unknown> {
  const did = Object.keys(effect.result).length > 0 ? effect.result : effect.arguments;
  if (effect.state !== "undone") return did;
  return { ...did, items: did.block ?? did.blocked, block: null, blocked: null, refused: null, minutes: null, until: null, is_dry: null };
}

export function RunPanel({ id }: { id: number }) {
  const { t, said, named } = useWords();
  const asked = useQuery({ queryKey: ["runs", id], queryFn: () => data(api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: id } } })) });
  const run = asked.data;
  if (!run) return <aside className="side">{asked.isError ? <Failed error={asked.error} /> : <Asking />}</aside>;
  const step = run.steps.find((s) => WAITING.has(s.status));
  return (
    <aside className="side" aria-label={said(run.title)}>
      <h2>{said(run.title)}</h2>
      <p>
        <RunState status={run.status} />
        <span className="muted">
          {run.is_dry && ` · ${named("common", "dry_run")}`}
          {run.incident_number && (
            <>
              {" · "}
              <Link to={`/incidents/${run.incident_number}`}>{run.incident_number}</Link>
            </>
          )}
        </span>
      </p>
      {run.error.en && <p className="critical">{visible(said(run.error))}</p>}
      {step && <Waiting run={run} step={step} />}
      <section>
        <h3>{t("run.steps")}</h3>
        <ol className="steps">
          {run.steps.map((each) => (
            <li key={each.step}>
              {said(each.title)}
              <div>
                <RunState status={each.status} /> {each.ended_at && <span className="muted"><When at={each.ended_at} /></span>}{" "}
                {!run.is_dry && each.result.is_dry === true && <span className="tag">{named("common", "dry_run")}</span>}
              </div>
              {typeof each.result.undone_at === "number" && (
                <div className="muted">
                  {t("run.undone_at")} <When at={new Date(each.result.undone_at / 1000).toISOString()} />
                </div>
              )}
              {each.error.en && <div className="critical">{visible(said(each.error))}</div>}
              {typeof each.result.dry_run === "object" && each.result.dry_run && <Preview of={{ ...each.result.dry_run, ...("is_dry" in each.result.dry_run && { is_dry: true }) }} />}
            </li>
          ))}
        </ol>
      </section>
      <Approvals run={run} />
      <Newcomers run={run} />
      {run.effects.length > 0 && (
        <section>
          <h3>{t("run.effects")}</h3>
          {run.effects.map((effect) => (
            <div key={effect.id} style={{ marginBottom: 8 }}>
              {said(run.steps.find((each) => each.step === effect.step)?.title)} <span className="mono muted">{effect.action}</span>{" "}
              <span className="muted">{named("run.effect", typeof effect.result.expired_at === "number" ? "expired" : effect.state)}</span>{" "}
              {effect.state === "done" && effect.expires_at && (
                <span className="muted">
                  {t("run.expires")} <When at={effect.expires_at} />
                </span>
              )}
              {effect.can_undo && <Undo run={run} step={effect.step} />}
              <Preview of={didOf(effect)} />
            </div>
          ))}
        </section>
      )}
    </aside>
  );
}
