// The text of a rule with what is wrong at its place; any text can be tried, nothing is kept.
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { State } from "../parts/severity";
import { useWords } from "../words";

type Checked = Schemas["Checked"];
type Remark = Schemas["Remark"];

const check = (text: string) => data(api.POST("/api/v1/rules/check", { body: { text } }));

export function RuleText({ rule }: { rule: Schemas["RuleDetail"] }) {
  const { t } = useWords();
  const [get] = useAddress();
  const [draft, setDraft] = useState<string | null>(null);
  const [isEditing, setEditing] = useState(false);
  const own = useQuery({ queryKey: ["rule", rule.id, "check", rule.text], enabled: rule.text !== null, queryFn: () => check(rule.text ?? "") });
  const tried = useMutation({ mutationFn: check, onSuccess: () => setEditing(false) });
  const text = draft ?? rule.text;
  const checked = draft === null ? own.data : tried.data;
  if (text === null) return <p className="muted">{t("rule.no_text")}</p>;
  const leave = () => {
    setDraft(null);
    setEditing(false);
    tried.reset();
  };
  const error = draft === null ? own.error : tried.error;
  return (
    <>
      <div className="row wrap rule-bar">
        <span className="mono muted">{draft === null ? `${rule.file}:${rule.line}` : t("rule.draft")}</span>
        {checked && <Verdict checked={checked} />}
        {tried.isPending && <span className="muted">{t("rule.checking")}</span>}
        <span className="space" />
        {isEditing ? (
          <button type="button" className="button main" disabled={tried.isPending} onClick={() => tried.mutate(text)}>
            {t("rule.check")} <kbd>Ctrl Enter</kbd>
          </button>
        ) : (
          <button
            type="button"
            className="button"
            onClick={() => {
              setDraft(text);
              setEditing(true);
            }}
          >
            {t(draft === null ? "rule.try" : "rule.try_on")}
          </button>
        )}
        {draft !== null && (
          <button type="button" className="button" onClick={leave}>
            {t("rule.drop")}
          </button>
        )}
        <Copy text={text} />
      </div>
      {draft !== null && <p className="muted">{t("rule.not_kept")}</p>}
      {error && <Failed error={error} />}
      {isEditing ? (
        <textarea
          className="input mono rule-draft"
          aria-label={t("rule.draft")}
          spellCheck={false}
          autoFocus
          value={text}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !tried.isPending) tried.mutate(text);
          }}
        />
      ) : draft === null && own.isPending ? (
        <Asking />
      ) : (
        <Lines text={text} remarks={checked?.remarks ?? []} chosen={draft === null ? Number(get("line")) : 0} label={rule.file} />
      )}
    </>
  );
}

function Verdict({ checked }: { checked: Checked }) {
  const { t } = useWords();
  const errors = checked.remarks.filter((remark) => remark.weight === "error").length;
  const warnings = checked.remarks.length - errors;
  if (errors) return <State tone="critical" text={t("rule.errors", { n: errors })} />;
  if (checked.rules === 0) return <State tone="critical" text={t("rule.holds_none")} />;
  return warnings ? <State tone="medium" text={t("rule.warnings", { n: warnings })} /> : <State tone="good" text={t("rule.fine")} />;
}

/** Numbered lines; below each what is to be said of it, under the column that it is about. */
function Lines({ text, remarks, chosen, label }: { text: string; remarks: readonly Remark[]; chosen: number; label: string }) {
  const { said } = useWords();
  const place = useRef<HTMLLIElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: "center" }), [chosen]);
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
                {said(remark.text)} <span className="muted">[{remark.code}]</span>
              </p>
            ))}
          </li>
        );
      })}
    </ol>
  );
}
