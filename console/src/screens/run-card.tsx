// One run of a playbook: what it would do, whom it touches, what was done, and what a person has to decide.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { Failed } from "../parts/answer";
import { State, type Tone } from "../parts/severity";
import { When } from "../parts/when";
import { useWords } from "../words";

type Run = Schemas["RunDetail"];
type Step = Schemas["StepDetail"];
export type RunStatus = Schemas["RunStatus"];
export const WAITING: ReadonlySet<RunStatus> = new Set<RunStatus>(["waiting_approval", "waiting_person", "unknown"]);
const TONES: Partial<Record<RunStatus, Tone>> = { succeeded: "good", failed: "high", timed_out: "high", unknown: "critical", waiting_approval: "medium", waiting_person: "medium" };

export function RunState({ status }: { status: RunStatus }) {
  const { named } = useWords();
  return <State tone={TONES[status] ?? "muted"} text={named("common.run_status", status)} />;
}

export function RunCard({ id, isShort = false }: { id: number; isShort?: boolean }) {
  const { t, said, named } = useWords();
  const asked = useQuery({ queryKey: ["runs", id], queryFn: () => data(api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: id } } })) });
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  const run = asked.data;
  if (!run) return null;
  const step = run.steps.find((s) => WAITING.has(s.status));
  return (
    <article className="run">
      {!isShort && step && <h2>{named("common.run_status", step.status)}</h2>}
      <p>
        <Link className="plain-link strong" to={`/runs/${run.id}`}>
          {said(run.title)}
        </Link>{" "}
        <span className="muted">
          {step ? t("run.step_of", { at: step.position + 1, of: run.steps.length }) : <RunState status={run.status} />}
          {run.is_dry && ` · ${named("common", "dry_run")}`}
        </span>
      </p>
      {!isShort && step && <StepPreview step={step} />}
      <Approvals run={run} />
    </article>
  );
}

/** What a step will do and whom it touches, as its action foresees it. */
export function StepPreview({ step }: { step: Step }) {
  const { t, said } = useWords();
  return (
    <section>
      <h3>{t("run.will_do")}</h3>
      <p>{said(step.title)}</p>
      <Preview value={step.preview} />
      {step.due_at && (
        <p className="muted">
          {t("run.due")} <When at={step.due_at} form="full" />
        </p>
      )}
    </section>
  );
}

export function Preview({ value }: { value: Record<string, unknown> }) {
  return (
    <dl className="pairs facts">
      {Object.entries(value).map(([name, found]) => (
        <PreviewRow key={name} name={name} value={found} />
      ))}
    </dl>
  );
}

function PreviewRow({ name, value }: { name: string; value: unknown }) {
  return (
    <>
      <dt className="mono">{name}</dt>
      <dd className="mono">{Array.isArray(value) ? value.map(String).join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>
    </>
  );
}

/** Who approved which step; one's own approval of one's own run is said to be so. */
export function Approvals({ run }: { run: Run }) {
  const { t, said, named } = useWords();
  const approved = run.steps.filter((step) => step.approved_by);
  if (approved.length === 0) return null;
  return (
    <p className="muted">
      {approved.map((step) => (
        <span key={step.step}>
          {said(step.title)}: {t("run.approved_by", { name: step.approved_by ?? "" })} {step.approved_at && <When at={step.approved_at} />}
          {step.is_self_approved && <span className="tag">{named("common", "self_approved")}</span>}{" "}
        </span>
      ))}
    </p>
  );
}
