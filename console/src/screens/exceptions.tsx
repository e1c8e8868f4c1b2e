// Exceptions: those that wait for a second person first to hand; what each takes, until when, and who answers for it.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { useHouse } from "../parts/house";
import { State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { RuleTabs } from "./rule-tabs";

type Exception = Schemas["ExceptionRow"];
const STATES: readonly Schemas["ExceptionState"][] = ["pending", "active", "refused", "removed", "expired"];
const TONES: Record<Schemas["ExceptionState"], Tone> = { pending: "medium", active: "good", refused: "muted", removed: "muted", expired: "muted" };
const idOf = (row: Exception) => String(row.id);

/** ``host.name = web01 · user.name = a, b`` */
const conditionsOf = (row: Exception) =>
  Object.entries(row.conditions)
    .map(([name, values]) => `${name} = ${values.map(visible).join(", ")}`)
    .join(" · ");

export default function Exceptions() {
  const { t, said, n, named } = useWords();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const state = STATES.find((name) => name === get("state"));
  const rule = get("rule") || undefined;
  const asked = useQuery({
    queryKey: ["exceptions", state, rule],
    queryFn: () => data(api.GET("/api/v1/exceptions", { params: { query: { rule, state: state ? [state] : undefined } } })),
  });
  const rows = useMemo(() => asked.data ?? [], [asked.data]);
  useRowKeys(rows, idOf, current, setCurrent);
  const chosen = rows.find((row) => idOf(row) === current);
  const columns: Column<Exception>[] = [
    { key: "state", title: t("column.status"), width: "150px", cell: (row) => <State tone={TONES[row.state]} text={named("except.state", row.state)} /> },
    { key: "rule", title: t("column.rule"), width: "minmax(160px, 1fr)", cell: (row) => <span title={said(row.rule_title)}>{said(row.rule_title)}</span> },
    { key: "condition", title: t("except.condition"), width: "minmax(160px, 1.2fr)", className: "mono muted", cell: (row) => <span title={conditionsOf(row)}>{conditionsOf(row)}</span> },
    { key: "taken", title: t("except.taken"), width: "110px", align: "right", cell: (row) => (row.taken === null ? "–" : n(row.taken)) },
    { key: "until", title: t("except.ends"), width: "120px", className: "muted", cell: (row) => <When at={row.expires_at} /> },
    { key: "owner", title: t("except.owner"), width: "120px", className: "muted", cell: (row) => <Who actor={row.owner} /> },
  ];
  return (
    <div className="page">
      <div className="head">
        <RuleTabs title={t("except.list")} />
        <span className="muted">{asked.data && t("except.count", { n: rows.length })}</span>
        <span className="space" />
        <Choice label={t("column.status")} value={state ?? ""} options={[{ value: "", label: t("choice.all") }, ...STATES.map((value) => ({ value, label: named("except.state", value) }))]} onChange={(value) => set({ state: value })} />
      </div>
      <div className={`split${chosen ? "" : " alone"}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("except.list")}
            rows={rows}
            columns={chosen ? columns.filter((column) => column.key !== "owner" && column.key !== "condition") : columns}
            rowKey={idOf}
            current={current}
            onCurrent={setCurrent}
            empty={<Empty title={t("except.empty")} text={t("except.empty_help")} />}
          />
        )}
        {chosen && <Panel row={chosen} key={chosen.id} />}
      </div>
    </div>
  );
}

function Panel({ row }: { row: Exception }) {
  const { t, said, n, named } = useWords();
  return (
    <aside className="side" aria-label={t("except.number", { number: String(row.id) })}>
      <h2>{said(row.rule_title)}</h2>
      <p>
        <State tone={TONES[row.state]} text={named("except.state", row.state)} />
        <span className="muted">
          {" · "}
          {t("except.number", { number: String(row.id) })}
        </span>
      </p>
      <section>
        <h3>{t("except.condition")}</h3>
        <dl className="pairs">
          {Object.entries(row.conditions).map(([name, values]) => (
            <Pair key={name} name={name} isMono>
              {values.map(visible).join(` ${t("except.or")} `)}
            </Pair>
          ))}
        </dl>
      </section>
      <section>
        <h3>{t("except.reason")}</h3>
        <p>{visible(row.reason)}</p>
      </section>
      {row.consequence && (
        <section>
          <h3>{t("except.consequence")}</h3>
          <p className={row.consequence.hidden.length > 0 ? "high" : undefined}>{said(row.consequence.sentence)}</p>
        </section>
      )}
      <section>
        <h3>{t("except.since")}</h3>
        <dl className="pairs">
          <Pair name={t("except.taken")}>{row.taken === null ? "–" : n(row.taken)}</Pair>
          <Pair name={t("except.last")}>{row.last_taken_at ? <When at={row.last_taken_at} form="full" /> : "–"}</Pair>
          <Pair name={t("except.ends")}>
            <When at={row.expires_at} form="full" />
          </Pair>
          <Pair name={t("except.owner")}>
            <Who actor={row.owner} />
          </Pair>
          <Pair name={t("except.made_by")}>
            <Who actor={row.created_by} /> · <When at={row.created_at} form="full" />
          </Pair>
          {row.decided_at && (
            <Pair name={named("except.state", row.state)}>
              <Who actor={row.decided_by} /> · <When at={row.decided_at} form="full" /> {row.decision_reason && visible(row.decision_reason)}
            </Pair>
          )}
        </dl>
      </section>
      <section>
        <h3>{t("except.filter")}</h3>
        <pre className="mono" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {row.text.trimEnd().split("\n").map(visible).join("\n")}
        </pre>
      </section>
      <Actions row={row} />
    </aside>
  );
}

function Pair({ name, isMono = false, children }: { name: string; isMono?: boolean; children: ReactNode }) {
  return (
    <>
      <dt className={isMono ? "mono" : undefined}>{name}</dt>
      <dd className={isMono ? "mono" : undefined}>{children}</dd>
    </>
  );
}

function Actions({ row }: { row: Exception }) {
  const { t } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const again = () => queries.invalidateQueries({ queryKey: ["exceptions"] });
  const decide = useMutation({
    mutationFn: (how: "approve" | "refuse" | "remove") => {
      const params = { path: { number: row.id } };
      const body = { reason: "" };
      if (how === "approve") return data(api.POST("/api/v1/exceptions/{number}/approve", { params, body }));
      if (how === "refuse") return data(api.POST("/api/v1/exceptions/{number}/refuse", { params, body }));
      return data(api.POST("/api/v1/exceptions/{number}/remove", { params, body }));
    },
    onSuccess: ({ exception, entry }) => {
      void again();
      const undo = async () => {
        await data(api.POST("/api/v1/exceptions/undo", { body: { entry: entry ?? 0 } }));
        await again();
      };
      tell({ text: t(`except.did_${exception.state as "active" | "refused" | "removed"}`, { number: String(exception.id) }), undo: entry === null ? undefined : undo });
    },
    onError: (error) => tell({ error }),
  });
  if (!may("triage") || (row.state !== "pending" && row.state !== "active")) return null;
  return (
    <div className="row wrap panel-actions">
      {row.state === "pending" && (
        <>
          <button type="button" className="button main" disabled={!row.may_approve || decide.isPending} onClick={() => decide.mutate("approve")}>
            {t("except.approve")}
          </button>
          <button type="button" className="button" disabled={decide.isPending} onClick={() => decide.mutate("refuse")}>
            {t("except.refuse")}
          </button>
          {!row.may_approve && <span className="muted">{t("except.second")}</span>}
        </>
      )}
      {row.state === "active" && (
        <button type="button" className="button" disabled={decide.isPending} onClick={() => decide.mutate("remove")}>
          {t("except.remove")}
        </button>
      )}
    </div>
  );
}
