// The samples of a rule: events that it must match and that it must not, tried on the spot.
import { useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { State } from "../parts/severity";
import { useWords } from "../words";

type Sample = Schemas["SampleTried"];

export function RuleSamples({ rule }: { rule: Schemas["RuleDetail"] }) {
  const { t, said } = useWords();
  const asked = useQuery({
    queryKey: ["rule", rule.id, "samples"],
    staleTime: 0,
    queryFn: () => data(api.GET("/api/v1/rules/{rule_id}/samples", { params: { path: { rule_id: rule.id } } })),
  });
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  const { file, samples, problem } = asked.data;
  if (file === null) return <Empty title={t("samples.none")} text={t("samples.none_help")} />;
  const own = samples.filter((sample) => sample.is_concerned);
  const wrong = own.filter((sample) => sample.wrong).length;
  return (
    <>
      <div className="row wrap rule-bar">
        <span className="mono muted">tests/{file}</span>
        {!problem && (wrong ? <State tone="critical" text={t("samples.wrong", { n: wrong })} /> : own.some((sample) => sample.is_met) ? <State tone="good" text={t("samples.good", { n: own.length })} /> : <State tone="medium" text={t("samples.unmet")} />)}
        <span className="space" />
        <button type="button" className="button" disabled={asked.isFetching} onClick={() => void asked.refetch()}>
          {t(asked.isFetching ? "samples.trying" : "samples.try")}
        </button>
      </div>
      {problem && <p className="critical" role="alert">{said(problem)}</p>}
      {samples.length > 0 && (
        <table className="plain-table">
          <thead>
            <tr>
              <th>{t("samples.line")}</th>
              <th>{t("samples.wanted")}</th>
              <th>{t("samples.result")}</th>
              <th>{t("samples.event")}</th>
            </tr>
          </thead>
          <tbody>
            {samples.map((sample, at) => (
              // a sample has no other name than its place
              <Row key={at} sample={sample} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Row({ sample }: { sample: Sample }) {
  const { t, said, n } = useWords();
  return (
    <tr className={sample.is_concerned ? "" : "muted"}>
      <td className="mono muted">{sample.line === null ? "" : n(sample.line)}</td>
      <td>{t(sample.is_match ? "samples.must" : "samples.must_not")}</td>
      <td>
        {!sample.is_concerned ? (
          t("samples.other_rule")
        ) : (
          <>
            <State tone={sample.wrong ? "critical" : "good"} text={t(sample.is_met ? "samples.met" : "samples.not_met")} />
            {sample.wrong && <p className="critical">{said(sample.wrong)}</p>}
          </>
        )}
      </td>
      <td className="mono">
        <span className="line-clamp" title={visible(sample.text)}>{visible(sample.text)}</span>
      </td>
    </tr>
  );
}
