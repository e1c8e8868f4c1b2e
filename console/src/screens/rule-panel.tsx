// The current rule beside the list: what it can do, what it does, and the way to its page.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data } from "../api/client";
import { Asking, Failed } from "../parts/answer";
import { Severity } from "../parts/severity";
import { useWords } from "../words";
import { CoverageSections, ModeChoice, RuleWords } from "./rule-mode";
import { rulePath } from "./links";

export const useRule = (id: string) => useQuery({ queryKey: ["rule", id], queryFn: () => data(api.GET("/api/v1/rules/{rule_id}", { params: { path: { rule_id: id } } })) });

export function RulePanel({ id }: { id: string }) {
  const { t, said } = useWords();
  const asked = useRule(id);
  const rule = asked.data;
  if (asked.isPending) return <aside className="side"><Asking /></aside>;
  if (!rule) return <aside className="side"><Failed error={asked.error} /></aside>;
  return (
    <aside className="side" aria-label={said(rule.title)}>
      <h2>{said(rule.title)}</h2>
      <p>
        <Severity level={rule.level} />
        <span className="muted"> · {[rule.package, rule.status].filter(Boolean).join(" · ")}</span>
      </p>
      <CoverageSections rule={rule} />
      <RuleWords rule={rule} />
      <ModeChoice rule={rule} />
      {rule.tags.length > 0 && <p className="mono muted" style={{ marginTop: 10 }}>{rule.tags.join(", ")}</p>}
      <div className="row wrap panel-actions">
        <Link className="button main" to={rulePath(id)}>
          {t("rules.open")} <kbd>Enter</kbd>
        </Link>
      </div>
    </aside>
  );
}
