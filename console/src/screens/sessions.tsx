// Where one is signed in; each session can be ended from here.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../api/client";
import { Asking, Failed } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { useWords } from "../words";

const KEY = ["sessions"];

export default function Sessions({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const asked = useQuery({ queryKey: KEY, queryFn: () => data(api.GET("/api/v1/auth/sessions")), staleTime: 0 });
  const end = useMutation({
    mutationFn: (id: string | null) =>
      id === null ? data(api.POST("/api/v1/auth/sessions/end-others")) : data(api.DELETE("/api/v1/auth/sessions/{session_id}", { params: { path: { session_id: id } } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: KEY });
      tell({ text: t("access.ended") });
    },
    onError: (error) => tell({ error }),
  });
  const rows = asked.data ?? [];
  return (
    <Dialog title={t("menu.sessions")} onClose={onClose} wide>
      {asked.isPending && <Asking />}
      {asked.isError && <Failed error={asked.error} again={() => void asked.refetch()} />}
      <div className="form">
        <table className="sessions">
          <thead>
            <tr>
              {(["address", "began", "seen", "ends"] as const).map((column) => (
                <th key={column} scope="col">
                  {t(`access.${column}`)}
                </th>
              ))}
              <td />
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <td className="mono">{row.address || "–"}</td>
                <td>
                  <When at={row.created_at} form="full" />
                </td>
                <td>
                  <When at={row.seen_at} />
                </td>
                <td>
                  <When at={row.expires_at} form="full" />
                </td>
                <td>
                  {row.is_this ? (
                    <span className="muted">{t("access.this")}</span>
                  ) : (
                    <button type="button" className="button small" disabled={end.isPending} onClick={() => end.mutate(row.id)}>
                      {t("access.end")}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <p className="muted">{t("access.unknown_session")}</p>
        <div className="form-actions">
          <button type="button" className="button" disabled={end.isPending || rows.length < 2} onClick={() => end.mutate(null)}>
            {t("access.end_others")}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
