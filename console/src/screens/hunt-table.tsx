// What the stages behind a query give: a table of groups, each of which leads to its events.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, data, Failure, type Schemas } from "../api/client";
import { also } from "../lib/query-text";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed, Stopped } from "../parts/answer";
import { type Column, Grid } from "../parts/grid";
import { When } from "../parts/when";
import { useWords } from "../words";

const SHOWN = 1000;
type Cell = string | number | null;
interface Row {
  at: number;
  cells: Cell[];
  group: Schemas["GroupOf"] | undefined;
}

/** The question as the API takes it, stages included. */
export function useTable(question: { query: string; from: string; to: string }, isOn: boolean) {
  return useQuery({
    queryKey: ["groups", question],
    enabled: isOn,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/groups", { params: { query: { ...question, limit: SHOWN } }, signal })),
  });
}

export function HuntTable({ asked, where, isPart, onAsk }: { asked: ReturnType<typeof useTable>; where: string; isPart: boolean; onAsk: (query: string, range?: { from: string; to: string }) => void }) {
  const { t, n } = useWords();
  if (asked.isPending) return asked.fetchStatus === "idle" ? <Stopped again={() => void asked.refetch()} /> : <Asking />;
  if (asked.isError) {
    if (asked.error instanceof Failure && typeof asked.error.problem?.position === "number") return <Empty title={t("hunt.wrong")} text={t("hunt.wrong_help")} />;
    return <Failed error={asked.error} again={() => void asked.refetch()} />;
  }
  const table = asked.data;
  const open = ({ group }: Row) => {
    if (typeof group?.query !== "string") return undefined;
    const range = group.start && group.end ? { from: group.start, to: group.end } : undefined;
    return () => onAsk(also(where, group.query ?? ""), range);
  };
  const link = (row: Row, text: ReactNode) => {
    const act = open(row);
    return act ? (
      <button type="button" className="link" title={t("hunt.its_events")} onClick={act}>
        {text}
      </button>
    ) : (
      <span title={t("hunt.no_query_of_group")}>{text}</span>
    );
  };
  const columns: Column<Row>[] = table.columns.map((name, index) => {
    const isKey = table.keys.includes(name);
    const isTime = name === "time" && index === 0;
    return {
      key: name,
      title: isTime ? t("column.time") : name,
      width: isKey ? "minmax(160px, 320px)" : "150px",
      align: isKey || isTime ? undefined : ("right" as const),
      className: isKey ? "mono" : undefined,
      cell: (row: Row) => {
        const value = row.cells[index] ?? null;
        if (value === null) return "–";
        if (isTime) return link(row, <When at={String(value)} />);
        if (isKey) return link(row, visible(String(value)) || "\u00a0");
        // the number is what the link leads to
        if (name === "count") return link(row, n(Number(value)));
        if (typeof value === "number") return n(value);
        return /^\d{4}-.*Z$/.test(value) ? <When at={value} /> : visible(value);
      },
    };
  });
  return (
    <Grid
      label={t("hunt.groups")}
      rows={table.rows.map((cells, at) => ({ at, cells, group: table.groups[at] }))}
      columns={columns}
      rowKey={(row) => String(row.at)}
      foot={table.rows.length > 0 && t("hunt.groups_shown", { shown: table.rows.length, n: table.total })}
      empty={isPart ? <Empty title={t("hunt.none_seen")} text={t("hunt.none_seen_help")} /> : <Empty title={t("hunt.none")} text={t("hunt.none_help")} />}
    />
  );
}
