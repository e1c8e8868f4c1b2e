// Rules: what is in force, whether each can fire here, how often it did.
import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useNavigate } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { countedFrom, sum } from "../lib/hits";
import { useKeys } from "../lib/keys";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { Search } from "../parts/search";
import { Severity } from "../parts/severity";
import { Spark } from "../parts/spark";
import { useWords } from "../words";
import { rulePath } from "./links";
import { Covered } from "./rule-mode";
import { RulePanel } from "./rule-panel";
import { useMayRule } from "./rule-rights";
import { RuleTabs } from "./rule-tabs";
import "../styles/rules.css";

type Rule = Schemas["RuleRow"];
const EFFECTS: readonly Schemas["Effect"][] = ["alert", "correlation", "record", "disabled", "unusable"];
const KINDS: readonly Schemas["RuleKind"][] = ["rule", "correlation", "first_seen", "beacon"];
const COVERAGES = ["live", "partly_blind", "blind", "unproven", "not_here"] as const;
/** Columns that make room for the panel, which says the same. */
const NARROW = new Set(["package", "logsource", "alerts"]);
const TECHNIQUE = /^T\d{4}(\.\d{3})?$/;
const idOf = (rule: Rule) => rule.id;

export default function Rules() {
  const { t, said, n, named } = useWords();
  const [get, set] = useAddress();
  const [current, setCurrent] = useCurrent();
  const mode = EFFECTS.find((name) => name === get("mode"));
  const kind = KINDS.find((name) => name === get("kind"));
  const coverage = COVERAGES.find((name) => name === get("coverage"));
  const technique = TECHNIQUE.test(get("technique")) ? get("technique") : undefined;
  const pack = get("package") || undefined;
  const filter = useMemo(() => ({ text: get("text") || undefined, package: pack, mode: mode ? [mode] : undefined, kind: kind ? [kind] : undefined, coverage: coverage ? [coverage] : undefined, technique }), [get, pack, mode, kind, coverage, technique]);
  const asked = useInfiniteQuery({
    queryKey: ["rules", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => data(api.GET("/api/v1/rules", { params: { query: { ...filter, limit: 200, cursor: pageParam } } })),
    getNextPageParam: (page) => page.cursor ?? undefined,
    // coverage takes a moment to be told: what is known of the rules is shown meanwhile
    refetchInterval: (query) => (query.state.data?.pages[0]?.uncovered ? 2_000 : false),
  });
  const rows = useMemo(() => asked.data?.pages.flatMap((page) => page.items) ?? [], [asked.data]);
  const page = asked.data?.pages[0];
  const open = useNavigate();
  const isAllowed = useMayRule();
  useRowKeys(rows, idOf, current, setCurrent);
  useKeys({ Enter: () => current && void open(rulePath(current)) });

  const columns: Column<Rule>[] = [
    { key: "level", title: t("column.level"), width: "134px", cell: (rule) => <Severity level={rule.level} /> },
    { key: "title", title: t("column.rule"), width: "minmax(200px, 1fr)", cell: (rule) => <span title={said(rule.title)}>{said(rule.title)}</span> },
    { key: "logsource", title: t("rules.logsource"), width: "190px", className: "muted", cell: (rule) => (rule.kind === "rule" ? <span className="mono">{rule.logsource}</span> : named("common.kind", rule.kind)) },
    { key: "mode", title: t("rules.mode"), width: "156px", className: "muted", cell: (rule) => named("common.mode", rule.effect) },
    {
      key: "coverage",
      title: t("rules.coverage"),
      width: "180px",
      cell: (rule) => <Covered rule={rule} />,
    },
    { key: "hits", title: t("rules.hits"), width: "112px", className: "muted", cell: (rule) => page && <HitSpark rule={rule} page={page} /> },
    { key: "alerts", title: t("rules.alerts"), width: "84px", align: "right", cell: (rule) => (rule.alerts ? <Link to={`/queue?status=all&rule=${encodeURIComponent(rule.id)}`}>{n(rule.alerts)}</Link> : "0") },
    { key: "package", title: t("rules.package"), width: "92px", className: "muted", cell: (rule) => rule.package },
  ];
  return (
    <div className="page">
      <div className="head">
        <RuleTabs />
        {page && (
          <span className="muted">
            {t("rules.count", { n: page.total ?? 0 })}
            {EFFECTS.map((name) => page.modes[name] && <span key={name}> · {n(page.modes[name] ?? 0)} {name === "alert" ? t("rules.alerting") : named("common.mode", name)}</span>)}
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
        <Choice label={t("rules.kind")} value={kind ?? ""} options={[{ value: "", label: t("choice.all") }, ...KINDS.map((value) => ({ value, label: named("common.kind", value) }))]} onChange={(value) => set({ kind: value })} />
        <Choice label={t("rules.mode")} value={mode ?? ""} options={[{ value: "", label: t("choice.all") }, ...EFFECTS.map((value) => ({ value, label: named("common.mode", value) }))]} onChange={(value) => set({ mode: value })} />
        <Choice label={t("rules.coverage")} value={coverage ?? ""} isDisabled={!coverage && !!page?.uncovered} options={[{ value: "", label: t("choice.all") }, ...COVERAGES.map((value) => ({ value, label: named("common.coverage", value) }))]} onChange={(value) => set({ coverage: value })} />
        {technique && (
          <span className="tag own">
            ATT&CK {technique}
            <button type="button" aria-label={t("rules.drop_technique", { id: technique })} title={t("rules.drop_technique", { id: technique })} onClick={() => set({ technique: null })}>
              ×
            </button>
          </span>
        )}
        {pack && (
          <span className="tag own">
            {t("rules.package")} {visible(pack)}
            <button type="button" aria-label={t("rules.drop_package", { name: pack })} title={t("rules.drop_package", { name: pack })} onClick={() => set({ package: null })}>
              ×
            </button>
          </span>
        )}
        {isAllowed && (
          <Link className="button" to="/detections/new">
            {t("rules.new")}
          </Link>
        )}
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
            columns={current ? columns.filter((column) => !NARROW.has(column.key)) : columns}
            rowKey={idOf}
            current={current}
            onCurrent={setCurrent}
            onOpen={(rule) => void open(rulePath(rule.id))}
            onEnd={() => {
              if (asked.hasNextPage && !asked.isFetching) void asked.fetchNextPage();
            }}
            empty={coverage && page?.uncovered ? <Empty title={t("rules.uncovered", { n: page.uncovered })} text={t("rules.uncovered_help")} /> : <Empty title={t("rules.none")} text={t("rules.none_help")} />}
          />
        )}
        {current && <RulePanel id={current} key={current} />}
      </div>
    </div>
  );
}

/** Hits by day, with what was not counted told apart from none. */
function HitSpark({ rule, page }: { rule: Rule; page: Schemas["RulePage"] }) {
  const { t } = useWords();
  if (!rule.hits) return <span title={t("rules.hits_scope")}>–</span>;
  const from = countedFrom(page, rule.kind);
  const said = t(rule.kind === "rule" ? "rules.hits_by_day" : "rules.alerts_by_day", { n: sum(rule.hits) });
  const since = from > 0 ? t(from < page.days.length ? "rules.counted_days" : "rules.never_counted", { n: page.days.length - from }) : "";
  return <Spark values={rule.hits} step={3} from={from} label={[said, since].filter(Boolean).join(" ")} />;
}
