// Notices by mail and webhook: what is set and who is told now, what went, and what did not.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { useKeys } from "../lib/keys";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { FactList } from "../parts/fact-list";
import { useHouse } from "../parts/house";
import { Severity, State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { useWords } from "../words";
import "../styles/storage.css";
import "../styles/notices.css";

type Notice = Schemas["NoticeRow"];
type Shown = Notice["state"] | "retrying" | "held" | "partly";

const TONES: Record<Shown, Tone> = {
  waiting: "low",
  retrying: "critical",
  held: "low",
  sending: "low",
  sent: "good",
  partly: "critical",
  failed: "critical",
  unknown: "critical",
  over: "muted",
};

function shownState(notice: Notice): Shown {
  if (notice.state === "sent" && notice.error) return "partly";
  if (notice.state !== "waiting") return notice.state;
  return notice.is_held ? "held" : notice.error ? "retrying" : "waiting";
}

export default function Notices() {
  const { t } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const asked = useQuery({ queryKey: ["notices"], queryFn: () => data(api.GET("/api/v1/notices")), refetchInterval: 3_000 });
  const test = useMutation({
    mutationFn: () => data(api.POST("/api/v1/notices/test")),
    onSuccess: () => {
      tell({ text: t("notices.test_asked") });
      void queries.invalidateQueries({ queryKey: ["notices"] });
    },
    onError: (error) => tell({ error }),
  });
  useKeys({ r: () => void asked.refetch() });
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.notices")}</h1>
        <span className="space" />
        {may("house") && (
          <button type="button" className="button" disabled={test.isPending} onClick={() => test.mutate()}>
            {t("notices.test")}
          </button>
        )}
      </div>
      {asked.isError ? (
        <Failed error={asked.error} again={() => void asked.refetch()} />
      ) : asked.isPending ? (
        <Asking />
      ) : (
        <div className="storage" tabIndex={0} role="region" aria-label={t("nav.notices")}>
          <Channels set={asked.data} />
          {asked.data.items.length === 0 ? <Empty title={t("notices.none")} text={t("notices.none_help")} /> : <Rows rows={asked.data.items} />}
        </div>
      )}
    </div>
  );
}

function Channels({ set }: { set: Schemas["NoticeList"] }) {
  const { t } = useWords();
  const { mail, webhook } = set;
  const off = set.is_incomplete ? <State tone="high" text={t("notices.incomplete")} /> : <State tone="muted" text={t("notices.off")} />;
  const facts: [string, ReactNode][] = [
    [t("notices.mail"), mail ? t("notices.mail_how", { relay: mail.relay, sender: mail.sender }) : off],
    ...(mail ? ([[t("notices.to_now"), <ToNow key="to" mail={mail} />]] as [string, ReactNode][]) : []),
    [t("notices.webhook"), webhook ?? <State tone="muted" text={t("notices.off")} />],
  ];
  return (
    <>
      <FactList facts={facts} />
      {!mail && !webhook && <p className="muted notices-off">{t("notices.off_help")}</p>}
    </>
  );
}

function ToNow({ mail }: { mail: Schemas["MailSet"] }) {
  const { t } = useWords();
  if (mail.to.length === 0) return <State tone="critical" text={t("notices.nobody_now")} />;
  return (
    <>
      {mail.to.join(", ")} {mail.shifts.length > 0 && <span className="muted">({mail.shifts.map(visible).join(", ")})</span>}
    </>
  );
}

function Rows({ rows }: { rows: Notice[] }) {
  const { t } = useWords();
  const heads = ["at", "channel", "level", "title", "state", "to"] as const;
  return (
    <table className="plain-table notices">
      <thead>
        <tr>
          {heads.map((head) => (
            <th key={head} scope="col">
              {t(`notices.${head}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row }: { row: Notice }) {
  const { t, said, named } = useWords();
  const state = shownState(row);
  return (
    <tr>
      <td className="notices-when">
        <When at={row.created_at} />
      </td>
      <td>{named("notices", row.channel)}</td>
      <td>{row.matter === "test" ? <span className="muted">–</span> : <Severity level={row.level} />}</td>
      <td className="notices-title">
        {row.path && row.path !== "/notices" ? <Link to={row.path}>{visible(said(row.title))}</Link> : visible(said(row.title))}
        {row.host && <div className="muted">{visible(row.host)}</div>}
      </td>
      <td className="notices-state">
        <State tone={row.seen_by ? "muted" : TONES[state]} text={named("notices.state", state)} />
        {row.attempts > 1 && <span className="muted"> · {t("notices.attempts", { n: row.attempts })}</span>}
        {row.error && <div className={row.is_failing ? "critical" : "muted"}>{visible(said(row.error))}</div>}
        {row.seen_by && <div className="muted">{t("notices.known_by", { name: row.seen_by })}</div>}
        <Mend row={row} />
      </td>
      <td className="notices-to">{row.to.map(visible).join(", ") || "–"}</td>
    </tr>
  );
}

/** What a person does about one that did not go. */
function Mend({ row }: { row: Notice }) {
  const { t } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const changed = () => queries.invalidateQueries({ queryKey: ["notices"] });
  const path = { path: { notice_id: row.id } };
  const mark = (undo: boolean) => data(api.POST("/api/v1/notices/{notice_id}/seen", { params: path, body: { undo } })).finally(changed);
  const again = useMutation({
    mutationFn: () => data(api.POST("/api/v1/notices/{notice_id}/again", { params: path })),
    onSuccess: () => tell({ text: t("notices.again_done") }),
    onError: (error) => tell({ error }),
    onSettled: changed,
  });
  const know = useMutation({
    mutationFn: () => mark(false),
    onSuccess: () => tell({ text: t("notices.known"), undo: () => mark(true) }),
    onError: (error) => tell({ error }),
  });
  const isLost = row.error !== null && row.digest === null && row.state !== "sending";
  if (!isLost || !(may("triage") || may("house"))) return null;
  return (
    <div className="notices-mend">
      <button type="button" className="button small" disabled={again.isPending} onClick={() => again.mutate()}>
        {t("notices.again")}
      </button>
      {row.is_failing && (
        <button type="button" className="button small" disabled={know.isPending} onClick={() => know.mutate()}>
          {t("notices.know")}
        </button>
      )}
    </div>
  );
}
