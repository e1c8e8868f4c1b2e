// The playbooks in force: what starts each, its steps, who approves what.
import { useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../api/client";
import { useCurrent } from "../lib/current";
import { Asking, Empty, Failed } from "../parts/answer";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { useWords } from "../words";
import { RunTabs } from "./run-tabs";

type Playbook = Schemas["PlaybookRow"];
const nameOf = (playbook: Playbook) => playbook.name;

export default function Playbooks() {
  const { t, said, n } = useWords();
  const [current, setCurrent] = useCurrent();
  const asked = useQuery({ queryKey: ["playbooks"], queryFn: () => data(api.GET("/api/v1/playbooks")) });
  const rows = asked.data?.items ?? [];
  const row = rows.find((playbook) => playbook.name === current) ?? null;
  useRowKeys(rows, nameOf, current, setCurrent);
  const columns: Column<Playbook>[] = [
    { key: "title", title: t("nav.runs"), width: "minmax(220px, 1fr)", cell: (playbook) => said(playbook.title) },
    { key: "name", title: t("playbooks.name"), width: "200px", className: "mono muted", cell: (playbook) => playbook.name },
    { key: "trigger", title: t("playbooks.trigger"), width: "200px", className: "muted", cell: (playbook) => (playbook.trigger === "manual" ? t("playbooks.manual") : t("playbooks.by_itself")) },
    { key: "steps", title: t("run.steps"), width: "80px", align: "right", cell: (playbook) => n(playbook.steps.length) },
    { key: "runs", title: t("playbooks.ran"), width: "104px", align: "right", cell: (playbook) => n(playbook.runs) },
  ];
  return (
    <div className="page">
      <div className="head">
        <RunTabs />
        {asked.data && asked.data.errors.length > 0 && <span className="critical">{t("playbooks.errors", { n: asked.data.errors.length })}</span>}
      </div>
      <div className={`split${row ? "" : " alone"}`}>
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Grid
            label={t("playbooks.title")}
            rows={rows}
            columns={row ? columns.filter((column) => column.key !== "name") : columns}
            rowKey={nameOf}
            current={current}
            onCurrent={setCurrent}
            empty={<Empty title={t("playbooks.none")} text={t("playbooks.none_help")} />}
            foot={asked.data.errors.map((fault) => (
              <p key={fault.place} className="critical">
                <span className="mono">{fault.place}</span> {fault.reason} {fault.remedy}
              </p>
            ))}
          />
        )}
        {row && <PlaybookPanel playbook={row} />}
      </div>
    </div>
  );
}

function PlaybookPanel({ playbook }: { playbook: Playbook }) {
  const { t, said, named } = useWords();
  return (
    <aside className="side" aria-label={said(playbook.title)}>
      <h2>{said(playbook.title)}</h2>
      <p className="muted">
        <span className="mono">{playbook.name}</span> · {playbook.version}
      </p>
      <p style={{ marginTop: 10 }}>{said(playbook.reason)}</p>
      {playbook.where && (
        <section>
          <h3>{t("playbooks.when")}</h3>
          <p className="mono">{playbook.where}</p>
        </section>
      )}
      <section>
        <h3>{t("run.steps")}</h3>
        <ol className="steps">
          {playbook.steps.map((step) => (
            <li key={step.name}>
              {said(step.title)} <span className="mono muted">{step.action}</span>
              {step.approval_roles.length > 0 && <div className="medium">{t("playbooks.approval", { roles: step.approval_roles.map((role) => named("common.role", role)).join(", ") })}</div>}
              {step.condition && <div className="mono muted">{step.condition}</div>}
            </li>
          ))}
        </ol>
      </section>
    </aside>
  );
}
