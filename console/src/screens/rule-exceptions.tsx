// The exceptions of a rule: what each takes, until when, who answers for it; they are decided on in their own list.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";

export function RuleExceptions({ rule }: { rule: Schemas["RuleDetail"] }) {
  const { t, n, said, named } = useWords();
  const asked = useQuery({ queryKey: ["exceptions", "rule", rule.id], queryFn: () => data(api.GET("/api/v1/exceptions", { params: { query: { rule: rule.id } } })) });
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  if (asked.data.length === 0) return <Empty title={t("except.empty")} text={t("except.empty_help")} />;
  return (
    <table className="plain-table">
      <thead>
        <tr>
          <th>{t("column.status")}</th>
          <th>{t("except.condition")}</th>
          <th>{t("except.reason")}</th>
          <th className="right">{t("except.taken")}</th>
          <th>{t("except.ends")}</th>
          <th>{t("except.owner")}</th>
        </tr>
      </thead>
      <tbody>
        {asked.data.map((row) => (
          <tr key={row.id}>
            <td>
              <Link to={`/exceptions?rule=${encodeURIComponent(rule.id)}&at=${row.id}`}>{named("except.state", row.state)}</Link>
            </td>
            <td className="mono" title={row.consequence ? said(row.consequence.sentence) : undefined}>
              {Object.entries(row.conditions).map(([name, values]) => (
                <p key={name}>
                  {visible(name)} = {values.map(visible).join(", ")}
                </p>
              ))}
            </td>
            <td>{visible(row.reason)}</td>
            <td className="right">{row.taken === null ? "–" : n(row.taken)}</td>
            <td className="whole">
              <When at={row.expires_at} />
            </td>
            <td>
              <Who actor={row.owner} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
