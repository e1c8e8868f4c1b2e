// Rules: what is in force, whether each can fire here, and a person's choice of what it does.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { useHouse } from "../parts/house";
import { Search } from "../parts/search";
import { Severity, State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { usePeople } from "../parts/who";
import { useWords } from "../words";

type Rule = Schemas["RuleRow"];
type Mode = Schemas["Mode"];
const MODES: readonly Mode[] = ["alert", "record", "disabled"];
const EFFECTS: readonly Schemas["Effect"][] = ["alert", "correlation", "record", "disabled", "unusable"];
const COVERAGES = ["live", "partly_blind", "blind", "unproven", "not_here"] as const;
const TONES: Record<string, Tone> = { live: "good", partly_blind: "medium", blind: "high", unproven: "low", not_here: "muted", disabled: "muted" };
/** Hosts that are named of one rule, the first of them in the reason; the others are counted. */
const HOSTS = 40;
const SAID = 8;
const idOf = (rule: Rule) => rule.id;

export default function Rules() {
  const { t, said, n, named } = useWords();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const mode = EFFECTS.find((name) => name === get("mode"));
  const coverage = COVERAGES.find((name) => name === get("coverage"));
  const filter = useMemo(() => ({ text: get("text") || undefined, mode: mode ? [mode] : undefined, coverage: coverage ? [coverage] : undefined }), [get, mode, coverage]);
  const asked = useInfiniteQuery({
    queryKey: ["rules", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/v1/rules", { params: { query: { ...filter, limit: 200, cursor: pageParam } } })),
    getNextPageParam: (page) => page.cursor ?? undefined,
  });
  const rows = useMemo(() => asked.data?.pages.flatMap((page) => page.items) ?? [], [asked.data]);
  const page = asked.data?.pages[0];
  useRowKeys(rows, idOf, current, setCurrent);

  const columns: Column<Rule>[] = [
    { key: "level", title: t("column.level"), width: "134px", cell: (rule) => <Severity level={rule.level} /> },
    { key: "title", title: t("column.rule"), width: "minmax(200px, 1fr)", cell: (rule) => <span title={said(rule.title)}>{said(rule.title)}</span> },
    { key: "logsource", title: t("rules.logsource"), width: "190px", className: "mono muted", cell: (rule) => rule.logsource || t("rules.correlation") },
    { key: "mode", title: t("rules.mode"), width: "156px", className: "muted", cell: (rule) => named("common.mode", rule.effect) },
    {
      key: "coverage",
      title: t("rules.coverage"),
      width: "180px",
      cell: (rule) => <Covered rule={rule} />,
    },
    { key: "alerts", title: t("rules.alerts"), width: "92px", align: "right", cell: (rule) => (rule.alerts ? <Link to={`/queue?status=all&rule=${encodeURIComponent(rule.id)}`}>{n(rule.alerts)}</Link> : "0") },
    { key: "package", title: t("rules.package"), width: "92px", className: "muted", cell: (rule) => rule.package },
  ];
  return (
    <div className="page">
      <div className="head">
        <h1>{t("rules.title")}</h1>
        <Link to="/exceptions">{t("except.list")}</Link>
        {page && (
          <span className="muted">
            {t("rules.count", { n: page.total ?? 0 })}
            {EFFECTS.map((name) => page.modes[name] && <span key={name}> · {n(page.modes[name] ?? 0)} {named("common.mode", name)}</span>)}
            {COVERAGES.map(
              (name) =>
                page.coverage[name] && (
                  <span key={name}>
                    {" · "}
                    <button type="button" className={`link ${name === "blind" ? "high" : name === "partly_blind" ? "medium" : ""}`} onClick={() => set({ coverage: coverage === name ? null : name })}>
                      {n(page.coverage[name] ?? 0)} {named("common.coverage", name)}
                    </button>
                  </span>
                ),
            )}
            {page.errors > 0 && <span className="critical"> · {t("rules.errors", { n: page.errors })}</span>}
          </span>
        )}
      </div>
      <div className="head">
        <Search label={t("rules.search")} value={get("text")} onChange={(text) => set({ text })} />
        <Choice label={t("rules.mode")} value={mode ?? ""} options={[{ value: "", label: t("choice.all") }, ...EFFECTS.map((value) => ({ value, label: named("common.mode", value) }))]} onChange={(value) => set({ mode: value })} />
        <Choice label={t("rules.coverage")} value={coverage ?? ""} options={[{ value: "", label: t("choice.all") }, ...COVERAGES.map((value) => ({ value, label: named("common.coverage", value) }))]} onChange={(value) => set({ coverage: value })} />
      </div>
      <div className={`split${current ? "" : " alone"}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("rules.title")}
            rows={rows}
            columns={current ? columns.filter((column) => column.key !== "package" && column.key !== "logsource") : columns}
            rowKey={idOf}
            current={current}
            onCurrent={setCurrent}
            onEnd={() => {
              if (asked.hasNextPage && !asked.isFetching) void asked.fetchNextPage();
            }}
            empty={<Empty title={t("rules.none")} text={t("rules.none_help")} />}
          />
        )}
        {current && <RulePanel id={current} key={current} />}
      </div>
    </div>
  );
}

/** The state; on how many of its hosts the rule cannot fire, or how many sent what it needs while the others were quiet. */
function Covered({ rule }: { rule: Rule }) {
  const { n, named } = useWords();
  if (!rule.coverage) return <span className="muted">–</span>;
  const shown = rule.coverage === "disabled" ? named("common.mode", "disabled") : named("common.coverage", rule.coverage);
  const isQuiet = rule.coverage === "live" && rule.seeing_hosts < rule.hosts;
  const count = rule.coverage === "partly_blind" ? rule.blind_hosts : isQuiet ? rule.seeing_hosts : null;
  return <State tone={TONES[rule.coverage] ?? "muted"} text={count === null ? shown : `${shown} ${n(count)}/${n(rule.hosts)}`} />;
}

function RulePanel({ id }: { id: string }) {
  const { t, said, n, named } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const { nameOf } = usePeople();
  const [reason, setReason] = useState("");
  const asked = useQuery({ queryKey: ["rule", id], queryFn: () => data(api.GET("/api/v1/rules/{rule_id}", { params: { path: { rule_id: id } } })) });
  const choose = useMutation({
    mutationFn: (mode: Mode) => data(api.PUT("/api/v1/rules/{rule_id}/mode", { params: { path: { rule_id: id } }, body: { mode, reason: reason.trim() } })),
    onSuccess: (found) => {
      queries.setQueryData(["rule", id], found);
      void queries.invalidateQueries({ queryKey: ["rules"] });
      setReason("");
      tell({ text: t("rules.chosen", { mode: named("common.mode", found.effect) }) });
    },
    onError: (error) => tell({ error }),
  });
  const rule = asked.data;
  if (asked.isPending) return <aside className="side"><Asking /></aside>;
  if (!rule) return <aside className="side"><Failed error={asked.error} /></aside>;
  const choices = MODES.map((mode) => ({ mode, effect: mode === "alert" ? rule.alert_effect : mode }));
  // a correlation that others read alerts by itself when a person chooses so, a rule never does
  const isByDefault = rule.effect === "correlation" && rule.alert_effect === "alert";
  const texts = [
    [t("rules.reason"), said(rule.reason) || rule.description],
    [t("rules.falsepositives"), said(rule.falsepositives)],
    [t("panel.next"), said(rule.remediation)],
  ] as const;
  return (
    <aside className="side" aria-label={said(rule.title)}>
      <h2>{said(rule.title)}</h2>
      <p>
        <Severity level={rule.level} />
        <span className="muted"> · {[rule.package, rule.status].filter(Boolean).join(" · ")}</span>
      </p>
      <section>
        <h3>{t("rules.coverage")}</h3>
        {rule.why && said(rule.why) ? <p className={rule.coverage === "blind" ? "high" : rule.coverage === "partly_blind" ? "medium" : "muted"}>{said(rule.why)}</p> : <Covered rule={rule} />}
        {rule.blind_on.length > SAID && <p className="mono muted">{rule.blind_on.slice(SAID, HOSTS).join(", ") + (rule.blind_on.length > HOSTS ? ` (+${n(rule.blind_on.length - HOSTS)})` : "")}</p>}
      </section>
      {rule.remedy && (
        <section>
          <h3>{t("rules.remedy")}</h3>
          {said(rule.remedy)
            .split("\n")
            .map((line) => (
              <p key={line}>{line}</p>
            ))}
        </section>
      )}
      {texts.map(([title, text]) =>
        text ? (
          <section key={title}>
            <h3>{title}</h3>
            <p>{text}</p>
          </section>
        ) : null,
      )}
      <section>
        <h3>{t("rules.mode")}</h3>
        <div className="row wrap" role="group" aria-label={t("rules.mode")}>
          {isByDefault && (
            <button type="button" className="button small pressed" aria-pressed disabled>
              {named("common.mode", "correlation")} <span className="muted">{t("rules.usual")}</span>
            </button>
          )}
          {choices.map(({ mode, effect }) => (
            <button key={mode} type="button" className={`button small${rule.effect === effect ? " pressed" : ""}`} aria-pressed={rule.effect === effect} disabled={!may("triage") || choose.isPending} onClick={() => rule.effect !== effect && choose.mutate(mode)}>
              {named("common.mode", effect)}
              {rule.default_effect === effect && <span className="muted"> {t("rules.usual")}</span>}
            </button>
          ))}
        </div>
        {rule.effect === "correlation" && (
          <p className="muted" style={{ marginTop: 6 }}>
            {isByDefault ? t("rules.read_by_others") : t("common.only_correlation")}
          </p>
        )}
        {may("triage") && <input className="input" style={{ width: "100%", marginTop: 6 }} placeholder={t("rules.why_change")} aria-label={t("rules.why_change")} maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />}
        {rule.decided_by && (
          <p className="muted">
            {t("rules.decided", { name: nameOf(rule.decided_by) })} {rule.decided_reason && `“${rule.decided_reason}”`}
          </p>
        )}
      </section>
      {rule.tags.length > 0 && <p className="mono muted" style={{ marginTop: 10 }}>{rule.tags.join(", ")}</p>}
      {rule.text && (
        <section>
          <h3>{rule.file}</h3>
          <pre className="mono rule-text" tabIndex={0} aria-label={rule.file}>{rule.text}</pre>
        </section>
      )}
    </aside>
  );
}
