// One event whole: what came in, every field, and what happened around it.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api, data } from "../api/client";
import { fold } from "../lib/fold";
import { literal } from "../lib/query-text";
import { MINUTE } from "../lib/time";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { When } from "../parts/when";
import { useWords } from "../words";
import { FilterButtons } from "./hunt-fields";
import { Pivot } from "./hunt-pivot";
import { around, hunt } from "./links";

interface Props {
  id: string;
  columns: readonly string[];
  onColumn: (field: string) => void;
  onFilter: (field: string, value: unknown, without: boolean, operator?: ":" | "==") => void;
  onClose: () => void;
}

const MARGIN = 5 * MINUTE;

export function HuntEvent({ id, columns, onColumn, onFilter, onClose }: Props) {
  const { t } = useWords();
  const [word, setWord] = useState("");
  const asked = useQuery({
    queryKey: ["event", id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/{event_id}", { params: { path: { event_id: id } }, signal })),
  });
  const event = asked.data?.event;
  const at = String(event?.["@timestamp"] ?? "");
  const original = event?.["event.original"] ?? event?.message;
  return (
    <aside className="side" aria-label={t("hunt.event")}>
      <div className="row">
        <h2>{t("hunt.event")}</h2>
        {at && (
          <span className="muted">
            <When at={at} form="full" />
          </span>
        )}
        <span className="space" />
        <button type="button" className="icon-button" aria-label={t("action.hide")} onClick={onClose}>
          ×
        </button>
      </div>
      {asked.isPending && <Asking />}
      {asked.isError && <Failed error={asked.error} />}
      {event && (
        <>
          {typeof original === "string" && (
            <>
              <div className="row event-title">
                <h3>{t("hunt.original")}</h3>
                <span className="space" />
                <Copy text={original} />
              </div>
              <pre className="mono original" tabIndex={0}>{original.split("\n").map(visible).join("\n")}</pre>
            </>
          )}
          {typeof event["host.name"] === "string" && (
            <p>
              <Link to={hunt(`host.name: ${literal(event["host.name"])}`, around(at, at, MARGIN))}>{t("hunt.around", { host: event["host.name"] })}</Link>
            </p>
          )}
          <div className="row event-title">
            <input className="input" type="search" aria-label={t("hunt.find_field")} placeholder={t("hunt.find_field")} value={word} onChange={(change) => setWord(change.target.value)} spellCheck={false} />
            <Copy text={JSON.stringify(event, null, 2)} label={t("hunt.copy_json")} />
          </div>
          <table className="event-fields">
            <tbody>
              {Object.entries(event)
                .filter(([name, value]) => name !== "event.original" && fold(`${name} ${String(value)}`).includes(fold(word)))
                .toSorted(([a], [b]) => a.localeCompare(b))
                .map(([name, value]) => (
                  <tr key={name}>
                    <th scope="row" className="mono">
                      {name}
                    </th>
                    <td className="mono">
                      <div className="event-value">
                        <Pivot field={name} value={value} at={at} />
                      </div>
                    </td>
                    <td>
                      <FilterButtons field={name} value={Array.isArray(value) ? value[0] : value} onFilter={onFilter} />
                      <button type="button" className="icon-button" title={columns.includes(name) ? t("hunt.drop_column") : t("hunt.add_column")} aria-label={`${columns.includes(name) ? t("hunt.drop_column") : t("hunt.add_column")}: ${name}`} aria-pressed={columns.includes(name)} onClick={() => onColumn(name)}>
                        ▥
                      </button>
                    </td>
                  </tr>
                ))}
            </tbody>
          </table>
        </>
      )}
    </aside>
  );
}
