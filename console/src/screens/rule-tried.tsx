// What a draft makes of its samples, and of the newest stored events of its log source.
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { literal } from "../lib/query-text";
import { visible } from "../lib/visible";
import { Incomplete } from "../parts/answer";
import { State } from "../parts/severity";
import { When } from "../parts/when";
import { useWords } from "../words";
import { hunt } from "./links";
import { SampleList, SamplesSaid } from "./rule-samples";

export function Tried({ found }: { found: Schemas["DraftTried"] }) {
  const { t } = useWords();
  return (
    <div>
      <h3 className="draft-head">{t("draft.on_samples")}</h3>
      {found.samples.file === null ? <p className="muted">{t("samples.none")}</p> : <SamplesSaid tried={found.samples} />}
      <SampleList tried={found.samples} />
      <h3 className="draft-head">{t("draft.on_stored")}</h3>
      {found.stored ? <Stored stored={found.stored} /> : <p className="muted">{t("draft.no_stored")}</p>}
    </div>
  );
}

/** What a try came to, in a line that leads to the particulars. */
export function TriedShort({ found, isOlder, onShow }: { found: Schemas["DraftTried"]; isOlder: boolean; onShow: () => void }) {
  const { t } = useWords();
  const { samples, stored } = found;
  const wrong = samples.samples.filter((sample) => sample.is_concerned && sample.wrong).length;
  const said = [
    stored && t("draft.short", { hits: stored.hits, n: stored.looked }),
    stored && (!stored.truth.complete || stored.doubtful > 0) && t("draft.short_part"),
    samples.problem ? t("draft.short_unread") : wrong ? t("samples.wrong", { n: wrong }) : !stored && t("draft.short_samples"),
    isOlder && t("draft.short_older"),
  ];
  return (
    <button type="button" className="link" onClick={onShow}>
      {said.filter(Boolean).join(" · ")}
    </button>
  );
}

function Stored({ stored }: { stored: Schemas["Stored"] }) {
  const { t } = useWords();
  const range = { from: stored.start, to: stored.end };
  return (
    <>
      {!stored.truth.complete && <Incomplete truth={stored.truth} />}
      {stored.looked === 0 ? (
        <p className="muted">{t("draft.none_stored")}</p>
      ) : (
        <p>
          <State tone={stored.hits > 0 ? "good" : "muted"} text={t("draft.hits", { n: stored.hits })} /> <span className="muted">{t("draft.looked", { n: stored.looked })}</span>
        </p>
      )}
      {stored.doubtful > 0 && <p className="critical">{t("backtest.doubtful", { n: stored.doubtful })}</p>}
      {stored.matches.length > 0 && (
        <table className="plain-table">
          <thead>
            <tr>
              <th>{t("column.time")}</th>
              <th>{t("draft.matched")}</th>
              <th>{t("samples.event")}</th>
            </tr>
          </thead>
          <tbody>
            {stored.matches.map((match) => (
              <tr key={`${match.id}${match.rule}`}>
                <td className="whole">
                  <Link to={hunt(`event.id: ${literal(match.id)}`, range)}>
                    <When at={match.at} form="full" />
                  </Link>
                </td>
                <td className="mono">
                  {match.matched.map((each) => (
                    <p key={each}>{visible(each)}</p>
                  ))}
                </td>
                <td className="mono muted">
                  <span className="line-clamp">{visible(match.line)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
