// One event whole: what came in, every field, and what happened around it.
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, data } from "../api/client";
import { literal } from "../lib/query-text";
import { entityPath, kindOf } from "../lib/entity";
import { MINUTE } from "../lib/time";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { When } from "../parts/when";
import { useWords } from "../words";
import { FilterButtons } from "./hunt-fields";
import { around, hunt } from "./links";

interface Props {
  id: string;
  columns: readonly string[];
  onColumn: (field: string) => void;
  onFilter: (field: string, value: unknown, without: boolean) => void;
  onClose: () => void;
}

const MARGIN = 5 * MINUTE;

export function HuntEvent({ id, columns, onColumn, onFilter, onClose }: Props) {
  const { t } = useWords();
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
          {typeof original === "string" && <pre className="mono original" tabIndex={0}>{visible(original)}</pre>}
          {typeof event["host.name"] === "string" && (
            <p>
              <Link to={hunt(`host.name: ${literal(event["host.name"])}`, around(at, at, MARGIN))}>{t("hunt.around", { host: event["host.name"] })}</Link>
            </p>
          )}
          <table className="event-fields">
            <tbody>
              {Object.entries(event)
                .filter(([name]) => name !== "event.original")
                .toSorted(([a], [b]) => a.localeCompare(b))
                .map(([name, value]) => (
                  <tr key={name}>
                    <th scope="row" className="mono">
                      {name}
                    </th>
                    <td className="mono">
                      <Value field={name} value={value} />
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

/** A value that is an entity leads to it. */
function Value({ field, value }: { field: string; value: unknown }) {
  const values = (Array.isArray(value) ? value : [value]).map(String);
  return values.map((text, at) => {
    const kind = kindOf(field, text);
    return (
      <span key={text}>
        {at > 0 && ", "}
        {kind ? <Link className="of" to={entityPath(kind, kind === "ip" ? text.replace(/^\[|\]$/g, "") : text)}>{visible(text)}</Link> : visible(text)}
      </span>
    );
  });
}
