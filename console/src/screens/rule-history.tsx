// Who changed what of a rule, and of the package that it came with.
import { useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
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
    <table className="plain-table">
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
            </td>
            <td>{visible(change.reason)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Who changed it before, when and why stands in the line of that change. */
const IN_COLUMNS = new Set(["at", "by", "reason"]);

/** Before → after; modes by their names, the rest as the journal has it. */
function Facts({ change }: { change: Change }) {
  const { t, named } = useWords();
  const names = [...new Set([...Object.keys(change.before ?? {}), ...Object.keys(change.after ?? {})])].filter((name) => !IN_COLUMNS.has(name));
  const shown = (name: string, value: unknown) => (name === "mode" ? named("common.mode", String(value)) : visible(typeof value === "string" ? value : JSON.stringify(value)));
  return names.slice(0, 12).map((name) => (
    <p key={name} className="muted">
      {name !== "mode" && <span className="mono">{visible(name)}: </span>}
      {name === "mode" ? (
        [change.before, change.after].map((side) => (side?.mode === undefined ? t("rules.usual") : shown(name, side.mode))).join(" → ")
      ) : (
        <>
          {change.before?.[name] !== undefined && `${shown(name, change.before[name])} → `}
          {change.after?.[name] !== undefined && shown(name, change.after[name])}
        </>
      )}
    </p>
  ));
}
