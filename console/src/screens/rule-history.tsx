// Who changed what of a rule, and of the package that it came with.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { useNavigate } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { keepDraft } from "../lib/draft";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Diff } from "../parts/diff";
import { Problem } from "../parts/problem";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";

type Change = Schemas["RuleChange"];

export function RuleHistory({ rule }: { rule: Schemas["RuleDetail"] }) {
  const { t, named } = useWords();
  const asked = useQuery({ queryKey: ["rule", rule.id, "history"], queryFn: () => data(api.GET("/api/v1/rules/{rule_id}/history", { params: { path: { rule_id: rule.id } } })) });
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  if (asked.data.length === 0) return <Empty title={t("history.none")} text={t("history.none_help")} />;
  return (
    <table className="plain-table history">
      <thead>
        <tr>
          <th>{t("column.time")}</th>
          <th>{t("journal.actor")}</th>
          <th>{t("history.what")}</th>
          <th>{t("journal.reason")}</th>
        </tr>
      </thead>
      <tbody>
        {asked.data.map((change) => (
          <tr key={change.seq}>
            <td className="whole">
              <When at={change.at} form="full" />
            </td>
            <td>
              <Who actor={change.actor} /> <span className="muted">{named("journal.by", change.channel)}</span>
            </td>
            <td>
              {named("journal.did", change.action)}
              <Facts change={change} />
              {TEXTS.has(change.action) && <TextChange rule={rule} change={change} />}
            </td>
            <td>{visible(change.reason)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Who changed it before, when and why stands in the line of that change. */
const IN_COLUMNS = new Set(["at", "by", "reason", "sha256", "samples_sha256", "made_of_sha256", "made_of_samples_sha256", "rule_id", "ruleset", "consequence", "decided_by", "decided_at", "decision_reason"]);
const TEXTS = new Set(["rule.save", "rule.remove", "rule.undo"]);

const TIMES = new Set(["expires_at", "from", "to"]);

/** What differs in the text, asked for when somebody looks; a version can be gone on from. */
function TextChange({ rule, change }: { rule: Schemas["RuleDetail"]; change: Change }) {
  const { t } = useWords();
  const go = useNavigate();
  const path = { rule_id: rule.id };
  const look = useMutation({ mutationFn: () => data(api.GET("/api/v1/rules/{rule_id}/changes/{entry}", { params: { path: { ...path, entry: change.seq } } })) });
  const use = useMutation({
    mutationFn: async ({ text, samples }: { text: string; samples: string }) => {
      const { version } = await data(api.GET("/api/v1/rules/{rule_id}/text", { params: { path } }));
      keepDraft(rule.id, { text, samples, version });
    },
    onSuccess: () => void go("?tab=text"),
  });
  const found = look.data;
  return (
    <>
      <p>
        <button type="button" className="link" aria-expanded={!!found} onClick={() => (found ? look.reset() : look.mutate())}>
          {t(found ? "draft.hide" : "draft.show")}
        </button>
      </p>
      {(look.isError || use.isError) && <Problem error={look.error ?? use.error} />}
      {found && (
        <>
          <Diff text={found.difference} />
          {typeof found.text === "string" && (
            <button type="button" className="button small" disabled={use.isPending} onClick={() => use.mutate({ text: found.text ?? "", samples: found.samples })}>
              {t("draft.use")}
            </button>
          )}
        </>
      )}
    </>
  );
}

/** Before → after, in words. */
function Facts({ change }: { change: Change }) {
  const { t, named } = useWords();
  const names = [...new Set([...Object.keys(change.before ?? {}), ...Object.keys(change.after ?? {})])].filter((name) => !IN_COLUMNS.has(name));
  return names.slice(0, 12).map((name) => {
    const sides = [change.before, change.after].map((side) => side?.[name]);
    if (name === "mode")
      return (
        <p key={name} className="muted">
          {sides.map((mode) => (mode === undefined ? t("rules.usual") : named("common.mode", String(mode)))).join(" → ")}
        </p>
      );
    const told = sides.filter((value) => value !== undefined && value !== "" && value !== 0 && value !== null);
    if (told.length === 0) return null;
    return (
      <p key={name} className="muted">
        {named("history.fact", visible(name))}:{" "}
        {told.map((value, at) => (
          <Fragment key={at}>
            {at > 0 && " → "}
            <Fact name={name} value={value} />
          </Fragment>
        ))}
      </p>
    );
  });
}

function Fact({ name, value }: { name: string; value: unknown }) {
  const { t, named, n } = useWords();
  if (name === "state") return named("except.state", String(value));
  if (TIMES.has(name) && typeof value === "string" && !Number.isNaN(Date.parse(value))) return <When at={value} form="full" />;
  if (typeof value === "boolean") return t(value ? "history.yes" : "history.no");
  if (typeof value === "number") return n(value);
  if (name === "conditions" && typeof value === "object")
    return <span className="mono">{Object.entries(value as Record<string, string[]>).map(([field, values]) => visible(`${field}: ${values.join(" | ")}`)).join("; ")}</span>;
  return <span className="mono">{visible(typeof value === "string" ? value : JSON.stringify(value))}</span>;
}
