// The samples of a rule: events that it must match and that it must not, tried on the spot.
import { useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { State } from "../parts/severity";
import { useWords } from "../words";

type Sample = Schemas["SampleTried"];

export function RuleSamples({ rule }: { rule: Schemas["RuleDetail"] }) {
  const { t } = useWords();
  const asked = useQuery({
    queryKey: ["rule", rule.id, "samples"],
    staleTime: 0,
    queryFn: () => data(api.GET("/api/v1/rules/{rule_id}/samples", { params: { path: { rule_id: rule.id } } })),
  });
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  const found = asked.data;
  if (found.file === null) return <Empty title={t("samples.none")} text={t("samples.none_help")} />;
  return (
    <>
      <div className="row wrap rule-bar">
        <span className="mono muted">tests/{found.file}</span>
        <SamplesSaid tried={found} />
        <span className="space" />
        <button type="button" className="button" disabled={asked.isFetching} onClick={() => void asked.refetch()}>
          {t(asked.isFetching ? "samples.trying" : "samples.try")}
        </button>
      </div>
      <SampleList tried={found} />
    </>
  );
}

/** How the samples stand, in a word. */
export function SamplesSaid({ tried }: { tried: Schemas["SamplesTried"] }) {
  const { t } = useWords();
  const own = tried.samples.filter((sample) => sample.is_concerned);
  const wrong = own.filter((sample) => sample.wrong).length;
  if (tried.problem) return null;
  if (wrong) return <State tone="critical" text={t("samples.wrong", { n: wrong })} />;
  return own.some((sample) => sample.is_met) ? <State tone="good" text={t("samples.good", { n: own.length })} /> : <State tone="medium" text={t("samples.unmet")} />;
}

/** Each sample with what became of it, or why none can be read. */
export function SampleList({ tried }: { tried: Schemas["SamplesTried"] }) {
  const { t, said } = useWords();
  if (tried.problem) return <p className="critical" role="alert">{said(tried.problem)}</p>;
  if (tried.samples.length === 0) return null;
  return (
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
        {tried.samples.map((sample, at) => (
          // a sample has no other name than its place
          <Row key={at} sample={sample} />
        ))}
      </tbody>
    </table>
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
