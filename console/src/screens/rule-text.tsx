// The text of a rule with what is wrong at its place; who may changes it here, or takes a local one away.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { keptDraft } from "../lib/draft";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { rulePath } from "./links";
import { RuleEditor, Verdict } from "./rule-editor";
import { useMayRule } from "./rule-rights";

type Rule = Schemas["RuleDetail"];
type Remark = Schemas["Remark"];

export function RuleText({ rule }: { rule: Rule }) {
  const { t } = useWords();
  // a draft that was left is gone on with
  const [isEditing, setEditing] = useState(() => keptDraft(rule.id) !== null);
  return isEditing ? <Change rule={rule} onLeave={() => setEditing(false)} /> : rule.text === null ? <p className="muted">{t("rule.no_text")}</p> : <Shown rule={rule} text={rule.text} onEdit={() => setEditing(true)} />;
}

/** Its file as it is now, in the editor. */
function Change({ rule, onLeave }: { rule: Rule; onLeave: () => void }) {
  const { t } = useWords();
  const asked = useQuery({ queryKey: ["rule", rule.id, "text"], staleTime: 0, queryFn: () => data(api.GET("/api/v1/rules/{rule_id}/text", { params: { path: { rule_id: rule.id } } })) });
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  const { text, samples, version, package: pack } = asked.data;
  return <RuleEditor id={rule.id} source={{ text, samples, version }} begin={rule.line} note={pack === "local" ? undefined : t("draft.copy_note", { name: pack })} onLeave={onLeave} />;
}

function Shown({ rule, text, onEdit }: { rule: Rule; text: string; onEdit: () => void }) {
  const { t } = useWords();
  const [get] = useAddress();
  const isAllowed = useMayRule();
  // the first of its file begins where the page does
  const begin = rule.line > 1 ? rule.line : Number.NaN;
  const checked = useQuery({ queryKey: ["rule", rule.id, "check", text], queryFn: () => data(api.POST("/api/v1/rules/check", { body: { text, samples: "" } })) });
  return (
    <>
      <div className="row wrap rule-bar">
        <span className="mono muted">{`${rule.file}:${rule.line}`}</span>
        {checked.data && <Verdict checked={checked.data} />}
        {rule.stands_for && <span className="muted">{t("draft.stands_for", { name: rule.stands_for })}</span>}
        <span className="space" />
        <button type="button" className="button main" onClick={onEdit}>
          {t("draft.edit")}
        </button>
        {rule.package === "local" && <TakeAway rule={rule} isAllowed={isAllowed} />}
        <Copy text={text} />
      </div>
      {checked.isError && <Failed error={checked.error} />}
      {checked.isPending ? <Asking /> : <Lines text={text} remarks={checked.data?.remarks ?? []} chosen={Number(get("line")) || begin} label={rule.file} />}
    </>
  );
}

function TakeAway({ rule, isAllowed }: { rule: Rule; isAllowed: boolean }) {
  const { t, said } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const go = useNavigate();
  const path = { rule_id: rule.id };
  const refresh = () => Promise.all([queries.invalidateQueries({ queryKey: ["rules"] }), queries.invalidateQueries({ queryKey: ["rule", rule.id] })]);
  const take = useMutation({
    mutationFn: async () => {
      const { version } = await data(api.GET("/api/v1/rules/{rule_id}/text", { params: { path } }));
      return data(api.DELETE("/api/v1/rules/{rule_id}/text", { params: { path, query: { version } } }));
    },
    onSuccess: async ({ entry }) => {
      const undo = async () => {
        await data(api.POST("/api/v1/rules/text/undo", { body: { entry } }));
        await refresh();
        if (!rule.stands_for) void go(rulePath(rule.id), { replace: true });
      };
      tell({ text: rule.stands_for ? t("draft.copy_taken", { title: said(rule.title), name: rule.stands_for }) : t("draft.taken", { title: said(rule.title) }), undo });
      if (!rule.stands_for) void go("/detections", { replace: true });
      await refresh();
    },
    onError: (error) => tell({ error }),
  });
  return (
    <button type="button" className="button" disabled={!isAllowed || take.isPending} onClick={() => take.mutate()}>
      {t(rule.stands_for ? "draft.take_copy" : "draft.take_away")}
    </button>
  );
}

/** Numbered lines; below each what is to be said of it, under the column that it is about. */
function Lines({ text, remarks, chosen, label }: { text: string; remarks: readonly Remark[]; chosen: number; label: string }) {
  const { said } = useWords();
  const place = useRef<HTMLLIElement>(null);
  // newer browsers answer a scroll with a promise, which is no way to tidy up
  useEffect(() => {
    place.current?.scrollIntoView({ block: "center" });
  }, [chosen]);
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  const of = (line: number) => remarks.filter((remark) => Math.min(remark.line ?? 1, lines.length) === line);
  return (
    <ol className="rule-lines mono" tabIndex={0} aria-label={label}>
      {lines.map((line, at) => {
        const number = at + 1;
        const told = of(number);
        const worst = told.some((remark) => remark.weight === "error") ? "wrong" : told.length ? "doubtful" : "";
        return (
          // a line is its place
          <li key={number} ref={number === chosen ? place : undefined} className={`${worst}${number === chosen ? " chosen" : ""}`}>
            <code>{line.replace(/[^\t]+/g, visible)}</code>
            {told.map((remark) => (
              <p key={`${remark.code}${remark.column}${remark.text.en}`} className={remark.weight === "error" ? "critical" : "medium"} style={{ paddingLeft: `${Math.min(60, (remark.column ?? 1) - 1)}ch` }}>
                {remark.column && "↑ "}
                {said(remark.text)}
              </p>
            ))}
          </li>
        );
      })}
    </ol>
  );
}
