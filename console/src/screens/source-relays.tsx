// Relays: they only forward, so they are no rows of the list; each host behind one is.
import { useQuery } from "@tanstack/react-query";
import { api, data } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { useWords } from "../words";
import type { Do } from "./source-group";

export function RelaysDialog({ onDo, onClose }: { onDo: Do; onClose: () => void }) {
  const { t } = useWords();
  const asked = useQuery({ queryKey: ["sources", "declared"], queryFn: () => data(api.GET("/api/v1/sources/declared")) });
  const relays = (asked.data?.items ?? []).filter((item) => item.cells.relay === "x");
  return (
    <Dialog title={t("inventory.relays")} onClose={onClose} wide>
      <p className="muted">{t("inventory.relays_help")}</p>
      {asked.isError ? (
        <Failed error={asked.error} again={() => void asked.refetch()} />
      ) : asked.isPending ? (
        <Asking />
      ) : relays.length === 0 ? (
        <p>{t("inventory.no_relays")}</p>
      ) : (
        <table className="plain-table">
          <thead>
            <tr>
              {(["name", "addresses", "place"] as const).map((column) => (
                <th key={column} scope="col">
                  {t(`inventory.column.${column}`)}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">{t("source.edit")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {relays.map((relay) => (
              <tr key={relay.name}>
                <td className="mono">{visible(relay.name)}</td>
                <td className="mono">{relay.cells.addresses}</td>
                <td>{relay.cells.place || "–"}</td>
                <td className="right">
                  <button type="button" className="button small" onClick={() => onDo("edit", [relay.name])}>
                    {t("source.edit")}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}
