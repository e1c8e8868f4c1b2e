// A rule being written: what is wrong stands at its line, it is tried on samples and on the past, and saved as a local rule.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { api, data, Failure, type Schemas } from "../api/client";
import { type Draft, useDraft } from "../lib/draft";
import { CodeArea } from "../parts/code-area";
import { useHouse } from "../parts/house";
import { Problem } from "../parts/problem";
import { State } from "../parts/severity";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { rulePath } from "./links";
import { DraftBacktest } from "./rule-backtest";
import { Tried, TriedShort } from "./rule-tried";
import { useMayRule } from "./rule-rights";

type Checked = Schemas["Checked"];
const REST = 500;
const NOTHING: Schemas["Remark"][] = [];

interface Props {
  /** Of the rule that is changed; null for a new one. */
  id: string | null;
  source: Draft;
  /** The line of the text to begin at. */
  begin?: number;
  /** Who is on the way to be replaced, or what becomes of the text, in a sentence. */
  note?: string;
  /** The text is as it was, or was dropped. */
  onLeave: () => void;
  onTouched?: (isTouched: boolean) => void;
}

export function RuleEditor({ id, source, begin = 1, note, onLeave, onTouched }: Props) {
  const { t, named, said } = useWords();
  const { me } = useHouse();
  const isAllowed = useMayRule();
  const tell = useToast();
  const queries = useQueryClient();
  const go = useNavigate();
  const [draft, setDraft] = useDraft(id ?? "new", source);
  const [reason, setReason] = useState("");
  const [shown, setShown] = useState<"try" | "past" | null>(null);
  const { text, samples } = draft;
  const body = { text, samples };
  const isSame = text === source.text && samples === source.samples;
  const rested = useRested(body);
  const about = { query: { rule: id ?? undefined } };
  const check = useQuery({
    queryKey: ["draft", id, rested],
    placeholderData: (before: (Checked & { of: typeof rested }) | undefined) => before,
    queryFn: async () => ({ ...(await data(api.POST("/api/v1/rules/check", { params: about, body: rested }))), of: rested }),
  });
  const isBehind = rested.text !== text || rested.samples !== samples || check.isPlaceholderData;
  const count = check.data?.rules ?? 0;
  const tried = useMutation({ mutationFn: (sent: typeof body) => data(api.POST("/api/v1/rules/try", { params: about, body: sent })) });
  const isOlder = tried.variables?.text !== text || tried.variables.samples !== samples;
  const place = useRef<HTMLDivElement>(null);
  const save = useMutation({
    mutationFn: async () => {
      const wish = { ...body, version: draft.version, reason: reason.trim() };
      const saved = await data(id === null ? api.POST("/api/v1/rules/new", { body: wish }) : api.PUT("/api/v1/rules/{rule_id}/text", { params: { path: { rule_id: id } }, body: wish }));
      await refresh(saved.id);
      const rule = await queries.fetchQuery({ queryKey: ["rule", saved.id], queryFn: () => data(api.GET("/api/v1/rules/{rule_id}", { params: { path: { rule_id: saved.id } } })) });
      return { saved, rule };
    },
    onSuccess: ({ saved, rule }) => {
      setDraft(null);
      tell({ text: t("draft.saved", { title: said(rule.title), mode: named("common.mode", rule.effect) }), undo: () => undo(saved) });
      onLeave();
      if (id === null) void go(rulePath(saved.id), { replace: true });
    },
  });
  const conflict = save.error instanceof Failure && save.error.problem.status === 409;
  // a refusal is of the text that was sent; that somebody else saved stays true
  const forgive = () => {
    if (!conflict) save.reset();
    if (tried.isError) tried.reset();
  };
  const write = (to: Partial<Draft>) => {
    setDraft({ ...draft, ...to });
    forgive();
  };
  const refresh = async (rule: string) => {
    await Promise.all([queries.invalidateQueries({ queryKey: ["rules"] }), queries.invalidateQueries({ queryKey: ["rule", rule] })]);
  };
  const undo = async ({ entry, id: rule }: Schemas["TextSaved"]) => {
    const { is_there } = await data(api.POST("/api/v1/rules/text/undo", { body: { entry } }));
    if (!is_there) void go("/detections", { replace: true });
    await refresh(rule);
  };
  const isTouched = !isSame;
  useEffect(() => onTouched?.(isTouched), [isTouched, onTouched]);
  const run = () => {
    setShown("try");
    forgive();
    tried.mutate(body);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    if (event.key === "Enter" && isAllowed && !tried.isPending) run();
    else if (event.key === "s" && isAllowed && !isSame && !save.isPending) save.mutate();
    else return;
    event.preventDefault();
  };
  const leave = () => {
    setDraft(null);
    onLeave();
  };
  const isOld = draft.version !== source.version;
  return (
    <div onKeyDown={onKeyDown}>
      <div className="row wrap rule-bar">
        {isBehind ? <span className="muted">{t("draft.checking")}</span> : check.data && <Verdict checked={check.data} />}
        {check.isError && <span className="critical">{t("draft.unchecked")}</span>}
        <span role="status">{shown === "try" && tried.data && <TriedShort found={tried.data} isOlder={isOlder} onShow={() => place.current?.scrollIntoView()} />}</span>
        <span className="space" />
        <button type="button" className="button" disabled={!isAllowed || tried.isPending} aria-keyshortcuts="Control+Enter" onClick={run}>
          {t(tried.isPending ? "samples.trying" : "draft.try")} <kbd aria-hidden="true">Ctrl ⏎</kbd>
        </button>
        <button type="button" className="button" disabled={!isAllowed} aria-pressed={shown === "past"} onClick={() => setShown(shown === "past" ? null : "past")}>
          {t("rule.tab.backtest")}
        </button>
        <button type="button" className="button" onClick={leave}>
          {t(isSame ? "draft.leave" : "rule.drop")}
        </button>
        <button type="button" className="button main" disabled={!isAllowed || isSame || save.isPending} aria-keyshortcuts="Control+S" onClick={() => save.mutate()}>
          {t("draft.save")} <kbd aria-hidden="true">Ctrl S</kbd>
        </button>
      </div>
      <div className="row wrap rule-bar draft-about">
        <span className="muted">{[isAllowed ? note : t(me.scope ? "draft.scope" : "draft.right"), id !== null && count > 1 && t("draft.file_holds", { n: count })].filter(Boolean).join(" ")}</span>
        {isAllowed && <input className="input" placeholder={t("rules.why_change")} aria-label={t("rules.why_change")} maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />}
      </div>
      {save.isError && <Problem error={save.error} />}
      {shown === "try" && tried.isError && <Problem error={tried.error} />}
      {(conflict || (isOld && isTouched)) && id !== null && <Newer id={id} isOld={isOld} onTake={leave} onKeep={() => setDraft({ ...draft, version: source.version })} />}
      <CodeArea label={t("draft.rule")} value={text} onChange={(to) => write({ text: to })} remarks={check.data?.remarks ?? NOTHING} of={check.data?.of.text ?? text} rows={21} begin={begin} />
      <h3 className="draft-head">{t("rule.tab.samples")}</h3>
      <CodeArea label={t("draft.samples")} value={samples} onChange={(to) => write({ samples: to })} remarks={check.data?.samples ?? NOTHING} of={check.data?.of.samples ?? samples} rows={6} />
      <div ref={place}>{shown === "try" && tried.data && <Tried found={tried.data} />}</div>
      {shown === "past" && <DraftBacktest id={id} body={body} />}
    </div>
  );
}

/** Somebody changed the rule since the draft was begun: look at that, then take it or go on above it. */
function Newer({ id, isOld, onTake, onKeep }: { id: string; isOld: boolean; onTake: () => void; onKeep: () => void }) {
  const { t } = useWords();
  const queries = useQueryClient();
  return (
    <p className="row wrap rule-bar high" role="alert">
      {t("draft.newer")}
      {isOld ? (
        <button type="button" className="button" onClick={onKeep}>
          {t("draft.keep")}
        </button>
      ) : (
        <button type="button" className="button" onClick={() => void queries.invalidateQueries({ queryKey: ["rule", id] })}>
          {t("draft.look")}
        </button>
      )}
      <button type="button" className="button" onClick={onTake}>
        {t("draft.take")}
      </button>
    </p>
  );
}

export function Verdict({ checked }: { checked: Checked }) {
  const { t } = useWords();
  const errors = checked.remarks.filter((remark) => remark.weight === "error").length;
  const warnings = checked.remarks.length + checked.samples.length - errors;
  if (errors) return <State tone="critical" text={t("rule.errors", { n: errors })} />;
  if (checked.rules === 0) return <State tone="critical" text={t("rule.holds_none")} />;
  return warnings ? <State tone="medium" text={t("rule.warnings", { n: warnings })} /> : <State tone="good" text={t("rule.fine")} />;
}

/** What is typed, once it has been left alone for a moment. */
function useRested<T extends { text: string; samples: string }>(now: T): T {
  const [rested, setRested] = useState(now);
  const { text, samples } = now;
  useEffect(() => {
    const timer = window.setTimeout(() => setRested((before) => ({ ...before, text, samples })), REST);
    return () => window.clearTimeout(timer);
  }, [text, samples]);
  return rested;
}
