// The ATT&CK matrix: each technique in the colour of what the rules can see of it here, not of how many rules there are.
import { useQuery } from "@tanstack/react-query";
import { Fragment, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useKeys } from "../lib/keys";
import { Asking, Failed } from "../parts/answer";
import { Severity } from "../parts/severity";
import { useWords } from "../words";
import { rulePath } from "./links";
import { Covered } from "./rule-mode";
import { RuleTabs } from "./rule-tabs";
import "../styles/rules.css";

type Sight = Schemas["Sight"];
type Cell = Schemas["TechniqueCell"];
type Matrix = Schemas["MatrixOf"];
const SIGHTS: readonly Sight[] = ["live", "partly_blind", "recorded", "unproven", "blind", "not_here", "off", "none"];
const LISTED = 100;

export default function RuleMatrix() {
  const { t } = useWords();
  const [get, set] = useAddress();
  const asked = useQuery({ queryKey: ["rules", "matrix"], queryFn: () => data(api.GET("/api/v1/rules/matrix")), refetchInterval: (query) => (query.state.data?.is_told === false ? 2_000 : 60_000) });
  const matrix = asked.data;
  const place = useRef<HTMLDivElement>(null);
  const [isMore, setMore] = useState(false);
  const look = () => {
    const at = place.current;
    if (at) setMore(at.scrollWidth - at.clientWidth - at.scrollLeft > 8);
  };
  useEffect(() => {
    look();
    window.addEventListener("resize", look);
    return () => window.removeEventListener("resize", look);
  });
  const technique = matrix?.techniques[get("technique")];
  useKeys({
    Escape: () => {
      // the keyboard goes on from the cell that was looked at
      document.querySelector<HTMLElement>(".cell[aria-pressed='true']")?.focus();
      set({ technique: null });
    },
  });
  return (
    <div className="page">
      <div className="head">
        <RuleTabs />
        {matrix && <Legend matrix={matrix} />}
      </div>
      <div className={`split${technique ? "" : " alone"}`}>
        {asked.isPending ? (
          <Asking />
        ) : !matrix ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : (
          <div className={`matrix-place${isMore ? " more" : ""}`} ref={place} onScroll={look}>
            {get("technique") && !technique && <p className="medium matrix-note">{t("matrix.no_technique", { id: get("technique") })}</p>}
            {!matrix.is_told && <p className="muted matrix-note">{t("matrix.untold")}</p>}
            <Table matrix={matrix} chosen={technique?.id ?? null} onChoose={(id) => set({ technique: id })} />
            <p className="muted matrix-note">
              {t("matrix.source")} {matrix.untagged > 0 && t("matrix.untagged", { n: matrix.untagged })}{" "}
              {Object.keys(matrix.unknown).length > 0 && t("matrix.unknown", { ids: Object.keys(matrix.unknown).join(", ") })}
            </p>
          </div>
        )}
        {technique && <TechniquePanel key={technique.id} cell={technique} />}
      </div>
    </div>
  );
}

function Legend({ matrix }: { matrix: Matrix }) {
  const { t, n, named } = useWords();
  return (
    <ul className="matrix-legend" aria-label={t("matrix.legend")}>
      <li>{t("matrix.techniques")}</li>
      {SIGHTS.filter((sight) => matrix.sights[sight]).map((sight) => (
        <li key={sight} title={named("matrix.help", sight)}>
          <i className={`sight ${sight}`} aria-hidden="true" />
          {n(matrix.sights[sight] ?? 0)} {named("matrix.sight", sight)}
        </li>
      ))}
      <li>{t("matrix.numbers")}</li>
    </ul>
  );
}

/** One tab stop: arrows go from cell to cell, within a tactic and to the next. */
function Table({ matrix, chosen, onChoose }: { matrix: Matrix; chosen: string | null; onChoose: (id: string) => void }) {
  const { t, n, said, named } = useWords();
  const place = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    const button = (event.target as Element).closest<HTMLElement>(".cell");
    if (!step || !button || !place.current) return;
    event.preventDefault();
    const columns = [...place.current.querySelectorAll(".tactic")].map((column) => [...column.querySelectorAll<HTMLElement>(".cell")]);
    const x = columns.findIndex((cells) => cells.includes(button));
    const y = columns[x]?.indexOf(button) ?? 0;
    const column = columns[Math.max(0, Math.min(columns.length - 1, x + (step[0] ?? 0)))] ?? [];
    const next = column[Math.max(0, Math.min(column.length - 1, y + (step[1] ?? 0)))];
    button.tabIndex = -1;
    if (next) next.tabIndex = 0;
    next?.focus();
  };
  const first = matrix.tactics.find((tactic) => tactic.techniques.length > 0);
  return (
    <div className="matrix" ref={place} role="group" aria-label={t("matrix.tab")} onKeyDown={onKeyDown}>
      {matrix.tactics.map((tactic) => {
        const cells = tactic.techniques.map((id) => matrix.techniques[id] as Cell);
        const live = cells.filter((cell) => cell.sight === "live").length;
        return (
          <section key={tactic.id} className="tactic" aria-label={said(tactic.title)}>
            <h2 title={`${tactic.title.en} (${tactic.id})`}>
              {said(tactic.title)}
              <small title={t("matrix.live_of", { live, n: cells.length })}>
                {t("matrix.of_techniques", { live, n: cells.length })}
              </small>
            </h2>
            {cells.map((cell, at) => {
              const all = Object.values(cell.rules).reduce((sum, count) => sum + count, 0);
              const label = `${cell.id} ${cell.name}: ${named("matrix.sight", cell.sight)}${all ? `, ${t("rules.count", { n: all })}` : ""}`;
              const isStop = chosen ? cell.id === chosen : tactic === first && at === 0;
              return (
                <button key={cell.id} type="button" className={`cell sight ${cell.sight}`} aria-pressed={cell.id === chosen} title={label} tabIndex={isStop ? 0 : -1} onClick={() => onChoose(cell.id)}>
                  {cell.name.split("/").map((part, at) => (
                    <Fragment key={part}>
                      {at > 0 && (
                        <>
                          /<wbr />
                        </>
                      )}
                      {part}
                    </Fragment>
                  ))}
                  {all > 0 && (
                    <small>
                      {" "}
                      {n(cell.rules.live ?? 0)}/{n(all)}
                    </small>
                  )}
                  <span className="visually-hidden">
                    {" "}
                    {named("matrix.sight", cell.sight)} {cell.id}
                  </span>
                </button>
              );
            })}
          </section>
        );
      })}
    </div>
  );
}

function TechniquePanel({ cell }: { cell: Cell }) {
  const { t, n, said, named } = useWords();
  const filter = { technique: cell.id, limit: LISTED };
  const asked = useQuery({ queryKey: ["rules", filter], queryFn: () => data(api.GET("/api/v1/rules", { params: { query: filter } })) });
  const rules = asked.data?.items ?? [];
  return (
    <aside className="side" aria-label={cell.name}>
      <h2>{cell.name}</h2>
      <p className="muted">
        <span className="mono">{cell.id}</span> · {named("matrix.sight", cell.sight)}
      </p>
      <p className="muted">{named("matrix.help", cell.sight)}</p>
      {cell.subs.length > 0 && (
        <section>
          <h3>{t("matrix.subs")}</h3>
          <ul className="matrix-subs">
            {cell.subs.map((sub) => (
              <li key={sub.id}>
                <i className={`sight ${sub.sight}`} aria-hidden="true" />
                <Link to={`/detections?technique=${sub.id}`} title={sub.id}>
                  {sub.name}
                </Link>{" "}
                <span className="muted">
                  {named("matrix.sight", sub.sight)} {n(sub.rules.live ?? 0)}/{n(Object.values(sub.rules).reduce((sum, count) => sum + count, 0))}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h3>{t("matrix.rules")}</h3>
        {asked.isPending && <p className="muted">{t("answer.asking")}</p>}
        {asked.isError && <Failed error={asked.error} again={() => void asked.refetch()} />}
        {asked.data && rules.length === 0 && <p className="muted">{t("matrix.no_rule")}</p>}
        <ul className="matrix-rules">
          {rules.map((rule) => (
            <li key={rule.id}>
              <Link to={rulePath(rule.id)}>{said(rule.title)}</Link>
              <p>
                <Severity level={rule.level} /> <span className="muted">{named("common.mode", rule.effect)}</span> <Covered rule={rule} />
              </p>
            </li>
          ))}
        </ul>
        {(asked.data?.total ?? 0) > LISTED && (
          <p>
            <Link to={`/detections?technique=${cell.id}`}>{t("matrix.all", { n: asked.data?.total ?? 0 })}</Link>
          </p>
        )}
      </section>
    </aside>
  );
}
