// One run of a playbook: what it would do, whom it touches, what was done, and what a person has to decide.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { useHouse } from "../parts/house";
import { State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { usePeople } from "../parts/who";
import { type Text, useWords } from "../words";
import { ReasonDialog } from "./incident-dialogs";

export type Run = Schemas["RunDetail"];
type Step = Schemas["StepDetail"];
export type RunStatus = Schemas["RunStatus"];
export const WAITING: ReadonlySet<RunStatus> = new Set<RunStatus>(["waiting_approval", "waiting_person", "unknown"]);
const TONES: Partial<Record<RunStatus, Tone>> = { succeeded: "good", failed: "high", timed_out: "high", unknown: "critical", waiting_approval: "medium", waiting_person: "medium" };
const SHOWN = 5;

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
    <article className="run" aria-label={said(run.title)}>
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
      {!isShort && step && <Waiting run={run} step={step} />}
      <Approvals run={run} />
      <Newcomers run={run} />
    </article>
  );
}

/** A step that waits: what it will do, whom it touches, and the person's decision. */
export function Waiting({ run, step }: { run: Run; step: Step }) {
  const { t, said } = useWords();
  // a person undoes what a person did: what is to be done stands in the result then
  const isUndoing = "undoing" in step.result;
  const undone = run.steps.filter((s) => s.position < step.position && typeof s.result.undone_at === "number");
  return (
    <>
      <section>
        <h3>{isUndoing ? t("run.to_undo") : t("run.will_do")}</h3>
        <p>{said(step.title)}</p>
        {undone.length > 0 && !isUndoing && <p className="medium">{t("run.undone_before", { steps: undone.map((s) => said(s.title)).join(", ") })}</p>}
        {step.status === "waiting_approval" && step.preview_version > 1 && <p className="muted">{t("run.list_changed", { n: step.preview_version - 1 })}</p>}
        <Preview of={isUndoing || Object.keys(step.preview).length === 0 ? step.result : step.preview} />
        {step.error.en && <p className="critical">{visible(said(step.error))}</p>}
        {step.due_at && (
          <p className="muted" style={{ marginTop: 8 }}>
            {t("run.due")} <When at={step.due_at} />
          </p>
        )}
      </section>
      <Decide run={run} step={step} />
    </>
  );
}

/** What a result keeps for the machinery and not for people. */
const INNER = new Set(["undoing", "undone", "undone_at", "undone_by", "expired_at", "approver_address", "said", "outcome"]);
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** What an action foresees: addresses with what is left out and why, commands for a person, else names and values. */
export function Preview({ of }: { of: Record<string, unknown> }) {
  const { t, said } = useWords();
  const { block, blocked, refused, minutes, is_dry: isDry, until, instruction, commands, inverse_commands: inverse, items, ...others } = of;
  const shown = Object.entries(others).filter(([name]) => !INNER.has(name));
  const addresses = list(block ?? blocked);
  const left = typeof refused === "object" && refused ? Object.entries(refused as Record<string, Text>) : [];
  const isBlock = addresses.length > 0 || left.length > 0;
  return (
    <>
      {typeof instruction === "object" && instruction && <p>{said(instruction as Text)}</p>}
      <Several lines={addresses.map((address) => `+ ${t("run.block")} ${address}`)} />
      <Several lines={list(items)} />
      {list(commands).length > 0 && <Commands title={t("run.commands")} lines={list(commands)} />}
      {list(inverse).length > 0 && (
        <details>
          <summary className="muted">{t("run.inverse")}</summary>
          <Commands title={t("run.inverse")} lines={list(inverse)} />
        </details>
      )}
      {isBlock && (
        <>
          <h3>{t("run.touches")}</h3>
          <dl className="pairs touches">
            <dt>{t("run.addresses")}</dt>
            <dd>{addresses.length}</dd>
            <dt>{t("run.protected")}</dt>
            <dd>
              {left.length === 0 ? (
                <span className="good">{t("run.no_protected")}</span>
              ) : (
                left.map(([address, why]) => (
                  <div key={address} className="medium">
                    <span className="mono">{address}</span>: {said(why)}
                  </div>
                ))
              )}
            </dd>
            {typeof minutes === "number" && (
              <>
                <dt>{t("run.ends")}</dt>
                <dd>{t("run.minutes", { n: minutes })}</dd>
              </>
            )}
            {typeof isDry === "boolean" && (
              <>
                <dt>{t("run.kind")}</dt>
                <dd>{isDry ? <span className="medium">{t("run.dry")}</span> : t("run.real")}</dd>
              </>
            )}
            {typeof until === "number" && (
              <>
                <dt>{t("run.until")}</dt>
                <dd>
                  <When at={new Date(until / 1000).toISOString()} />
                </dd>
              </>
            )}
          </dl>
        </>
      )}
      {shown.length > 0 && (
        <dl className="pairs touches">
          {shown.map(([name, value]) => (
            <Pair key={name} name={name}>
              {typeof value === "object" ? JSON.stringify(value) : String(value)}
            </Pair>
          ))}
        </dl>
      )}
    </>
  );
}

/** The first of several lines; the others on demand. */
function Several({ lines }: { lines: string[] }) {
  const { t } = useWords();
  if (lines.length === 0) return null;
  const row = (line: string) => <div key={line}>{visible(line)}</div>;
  return (
    <div className="mono preview">
      {lines.slice(0, SHOWN).map(row)}
      {lines.length > SHOWN && (
        <details>
          <summary className="muted">{t("run.more_addresses", { n: lines.length - SHOWN })}</summary>
          {lines.slice(SHOWN).map(row)}
        </details>
      )}
    </div>
  );
}

function Pair({ name, children }: { name: string; children: string }) {
  return (
    <>
      <dt className="mono">{name}</dt>
      <dd className="mono">{visible(children)}</dd>
    </>
  );
}

function Commands({ title, lines }: { title: string; lines: string[] }) {
  return (
    <div className="commands">
      <pre className="mono" tabIndex={0} aria-label={title}>
        {lines.join("\n")}
      </pre>
      <Copy text={lines.join("\n")} />
    </div>
  );
}

type Verb = "approve" | "refuse" | "done" | "not_done" | "undo";
interface Decision {
  verb: Verb;
  step: string;
  reason?: string;
  /** Which version of the preview the person saw. */
  seen?: number;
}

/** Sends a person's decision about a run and takes the answer in; `decideNow` says itself what went wrong. */
function useDecision(run: Run) {
  const { t, said } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const params = { path: { run_id: run.id } };
  const sending = useMutation({
    mutationFn: ({ verb, step, reason = "", seen = 1 }: Decision) => {
      const body = { step, reason };
      if (verb === "approve") return data(api.POST("/api/v1/runs/{run_id}/approve", { params, body: { ...body, preview_version: seen } }));
      if (verb === "refuse") return data(api.POST("/api/v1/runs/{run_id}/refuse", { params, body }));
      if (verb === "done") return data(api.POST("/api/v1/runs/{run_id}/done", { params, body }));
      if (verb === "not_done") return data(api.POST("/api/v1/runs/{run_id}/not-done", { params, body }));
      return data(api.POST("/api/v1/runs/{run_id}/undo", { params, body }));
    },
    onSuccess: (found, { verb }) => {
      queries.setQueryData(["runs", run.id], found);
      tell({ text: t(`run.told.${verb}`, { title: said(run.title) }) });
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["runs"] });
      void queries.invalidateQueries({ queryKey: ["incident"] });
    },
  });
  const decide = async (decision: Decision): Promise<void> => void (await sending.mutateAsync(decision));
  const decideNow = (decision: Decision) => void decide(decision).catch((error: unknown) => tell({ error }));
  return { decide, decideNow, isPending: sending.isPending, isDone: sending.isSuccess };
}

function Decide({ run, step }: { run: Run; step: Step }) {
  const { t } = useWords();
  const { may } = useHouse();
  const { decide, decideNow, isPending } = useDecision(run);
  const [asking, setAsking] = useState<"refuse" | "not_done" | null>(null);
  if (!may("triage")) return <p className="muted">{t("run.not_yours")}</p>;
  const isApproval = step.status === "waiting_approval";
  const [yes, no]: [Verb, "refuse" | "not_done"] = isApproval ? ["approve", "refuse"] : ["done", "not_done"];
  const kind = step.status === "unknown" ? "unknown" : step.status === "waiting_person" ? "person" : "approval";
  return (
    <div className="row wrap" style={{ margin: "14px 0" }}>
      <button type="button" className="button main" disabled={isPending} onClick={() => decideNow({ verb: yes, step: step.step, seen: step.preview_version })}>
        {t(`run.yes.${kind}`)}
      </button>
      <button type="button" className="button" disabled={isPending} onClick={() => setAsking(no)}>
        {t(`run.no.${kind}`)}
      </button>
      {asking && (
        <ReasonDialog
          title={t(`run.no.${kind}`)}
          isNeeded
          onClose={() => setAsking(null)}
          onReason={async (reason) => {
            await decide({ verb: asking, step: step.step, reason });
            setAsking(null);
          }}
        />
      )}
    </div>
  );
}

/** Who came behind an approval and is not touched by it; another run is the way to them. */
export function Newcomers({ run }: { run: Run }) {
  const { t, said } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const start = useMutation({
    mutationFn: (key: string) => data(api.POST("/api/v1/incidents/{key}/runs", { params: { path: { key } }, body: { playbook: run.playbook, is_dry: false } })),
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["runs"] });
      void queries.invalidateQueries({ queryKey: ["incident"] });
      tell({ text: t("start.done", { title: said(made.title) }) });
    },
    onError: (error) => tell({ error }),
  });
  const came = run.steps.flatMap((step) => step.newcomers);
  const number = run.incident_number;
  if (came.length === 0) return null;
  return (
    <div className="medium">
      <details>
        <summary>{t("run.newcomers", { n: came.length })}</summary>
        {came.map((each) => (
          <div key={each} className="mono">
            {visible(each)}
          </div>
        ))}
      </details>
      {number && may("triage") && (
        <button type="button" className="button small" disabled={start.isPending || start.isSuccess} onClick={() => start.mutate(number)}>
          {t("run.block_newcomers")}
        </button>
      )}
    </div>
  );
}

/** Undoing what a run did: one step's effects. */
export function Undo({ run, step }: { run: Run; step: string }) {
  const { t } = useWords();
  const { may } = useHouse();
  const { decideNow, isPending, isDone } = useDecision(run);
  if (!may("triage")) return null;
  return (
    <button type="button" className="button small" disabled={isPending || isDone} onClick={() => decideNow({ verb: "undo", step })}>
      {t("run.undo")}
    </button>
  );
}

/** Who approved which step; one's own approval of one's own run is said to be so. */
export function Approvals({ run }: { run: Run }) {
  const { t, said, named } = useWords();
  const { nameOf } = usePeople();
  const approved = run.steps.filter((step) => step.approved_by);
  if (approved.length === 0) return null;
  return (
    <div className="muted">
      {approved.map((step) => (
        <p key={step.step}>
          {said(step.title)}: {t("run.approved_by", { name: nameOf(step.approved_by ?? "") })} {step.approved_at && <When at={step.approved_at} />}{" "}
          {step.is_self_approved && <span className="tag">{named("common", "self_approved")}</span>}
        </p>
      ))}
    </div>
  );
}
