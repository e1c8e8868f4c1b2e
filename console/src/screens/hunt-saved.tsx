// Searches under names: taken from a menu, saved by a dialog; what was changed since is said, and a deletion can be undone.
import { Menu } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { DEFAULT_FROM } from "../lib/range";
import { visible } from "../lib/visible";
import { whyOf } from "../parts/answer";
import { Field, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useHouse } from "../parts/house";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

type Saved = Schemas["Saved"];
/** The question as it stands: its time as written, and as it is at this moment. */
export interface Current {
  query: string;
  from: string;
  to: string;
  columns: readonly string[];
  absolute: { from: string; to: string };
}

interface Props {
  /** The number of the saved search that this question comes from, and the version that was taken. Both stand in the address: the
   *  list is renewed by itself, and what somebody changed meanwhile is not written over unseen, after a reload neither. */
  chosen: string;
  version: string;
  current: Current;
  /** The page asks what is saved. */
  onTake: (search: Saved) => void;
  /** The page's own question is said to come from this one, or from none. */
  onName: (search: Saved | null) => void;
}

const KEY = ["searches"];

/** What the address says of the saved search that a question comes from. */
export function comesFrom(search: Saved | null): { saved: string | null; version: string | null } {
  return { saved: search && String(search.id), version: search && String(search.version) };
}

function isSame(saved: Saved, current: Current): boolean {
  return saved.query === current.query && saved.start === current.from && saved.end === current.to && saved.columns.join() === current.columns.join();
}

export function HuntSaved({ chosen, version: taken, current, onTake, onName }: Props) {
  const { t, said } = useWords();
  const tell = useToast();
  const client = useQueryClient();
  const [dialog, setDialog] = useState<"new" | "change" | null>(null);
  const searches = useQuery({ queryKey: KEY, queryFn: ({ signal }) => data(api.GET("/api/v1/searches", { signal })) });
  const all = searches.data ?? [];
  const version = Number(taken);
  // without a version nobody knows what was seen: the question stands for itself
  const from = version ? all.find((each) => String(each.id) === chosen) : undefined;
  const isNewer = !!from && version !== from.version;
  const isChanged = !!from && !isSame(from, current);
  const renew = () => void client.invalidateQueries({ queryKey: KEY });
  const take = (changed: Schemas["SearchChanged"]) => {
    renew();
    if (changed.search) onTake(changed.search);
  };
  // what stands on the page may have been edited meanwhile: it stays
  const undo = (entry: number | null) => async () => {
    const { search } = await data(api.POST("/api/v1/searches/undo", { body: { entry: entry ?? 0 } }));
    renew();
    const named = new URLSearchParams(window.location.search).get("saved");
    if (search && (named === null || named === String(search.id))) onName(search);
  };
  const body = (search: Saved): Schemas["SearchChange"] => ({ name: search.name, is_shared: search.is_shared, version, query: current.query, start: current.from, end: current.to, columns: [...current.columns] });
  const run = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      renew();
      tell({ error });
    }
  };
  const overwrite = (search: Saved) =>
    run(async () => {
      const changed = await data(api.PUT("/api/v1/searches/{search_id}", { params: { path: { search_id: search.id } }, body: body(search) }));
      take(changed);
      tell({ text: t("saved.saved", { name: search.name }), undo: undo(changed.entry) });
    });
  const remove = (search: Saved) =>
    run(async () => {
      const gone = await data(api.DELETE("/api/v1/searches/{search_id}", { params: { path: { search_id: search.id }, query: { version } } }));
      renew();
      onName(null);
      tell({ text: t("saved.removed", { name: search.name }), undo: undo(gone.entry) });
    });
  return (
    <>
      <Menu withInitialFocusPlaceholder={false} position="bottom-end" transitionProps={{ duration: 0 }} returnFocus width={340}>
        <Menu.Target>
          <button type="button" className="button saved-button" title={from ? from.name : undefined}>
            <span className="saved-name">{from ? visible(from.name) : t("saved.title")}</span>
            {isNewer ? <span className="medium">{t("saved.newer")}</span> : isChanged && <span className="medium">{t("saved.changed")}</span>}
            <span aria-hidden="true">▾</span>
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setDialog("new")}>{t("saved.save_new")}</Menu.Item>
          {from?.may_change && isChanged && <Menu.Item onClick={() => void overwrite(from)}>{t("saved.overwrite", { name: from.name })}</Menu.Item>}
          {from?.may_change && <Menu.Item onClick={() => setDialog("change")}>{t("saved.rename")}</Menu.Item>}
          {from?.may_change && <Menu.Item onClick={() => void remove(from)}>{t("saved.remove")}</Menu.Item>}
          <Menu.Divider />
          <Menu.Label>{searches.isError ? t("saved.failed", { why: whyOf(searches.error, t) }) : searches.isPending ? t("answer.asking") : all.length ? t("saved.title") : t("saved.none")}</Menu.Label>
          {searches.isError && (
            <Menu.Item closeMenuOnClick={false} onClick={() => void searches.refetch()}>
              {t("answer.again")}
            </Menu.Item>
          )}
          <div className="saved-list">
            {all.map((search) => (
              <Menu.Item key={search.id} onClick={() => onTake(search)}>
                <span className="saved-item">
                  <span className={search === from ? "strong" : undefined}>{visible(search.name)}</span>
                  <small className="muted">{search.may_change && !search.is_shared ? t("saved.private") : `${search.owner} · ${t("saved.shared")}`}</small>
                  <small className="mono muted saved-query">{visible(search.query) || "*"}</small>
                  {search.problem && (
                    <small className="critical">
                      {t("saved.wrong", { n: search.problem.position + 1 })}: {said(search.problem.detail)}
                    </small>
                  )}
                </span>
              </Menu.Item>
            ))}
          </div>
        </Menu.Dropdown>
      </Menu>
      {dialog && (
        <SaveDialog
          current={current}
          search={dialog === "change" ? from : undefined}
          version={version}
          onClose={() => setDialog(null)}
          onSaved={(changed) => {
            setDialog(null);
            if (dialog === "new") take(changed);
            else {
              onName(changed.search);
              renew();
            }
            tell({ text: t("saved.saved", { name: changed.search?.name ?? "" }), undo: dialog === "change" ? undo(changed.entry) : undefined });
          }}
        />
      )}
    </>
  );
}

function SaveDialog({ current, search, version, onClose, onSaved }: { current: Current; search?: Saved; version: number; onClose: () => void; onSaved: (changed: Schemas["SearchChanged"]) => void }) {
  const { t } = useWords();
  const { me } = useHouse();
  const isRelative = current.from.startsWith("now") || current.to.startsWith("now");
  const send = async (form: FormData) => {
    const time = form.get("time") === "absolute" ? current.absolute : { from: current.from || DEFAULT_FROM, to: current.to || "now" };
    const asked = search ? { query: search.query, start: search.start, end: search.end, columns: search.columns } : { query: current.query, start: time.from, end: time.to, columns: [...current.columns] };
    const body = { ...asked, name: textOf(form, "name"), is_shared: form.get("shared") === "on" };
    onSaved(await data(search ? api.PUT("/api/v1/searches/{search_id}", { params: { path: { search_id: search.id } }, body: { ...body, version } }) : api.POST("/api/v1/searches", { body })));
  };
  return (
    <FormDialog title={t(search ? "saved.rename" : "saved.save_new")} onClose={onClose} send={t("action.save")} onSend={send}>
      <Field label={t("saved.name")}>
        <input className="input" name="name" required maxLength={100} defaultValue={search?.name ?? ""} autoComplete="off" />
      </Field>
      {!search && (
        <p className="mono muted saved-query">
          {visible(current.query) || "*"}
        </p>
      )}
      {!search && isRelative && (
        <fieldset className="options">
          <legend className="label">{t("saved.time")}</legend>
          <label>
            <input type="radio" name="time" value="relative" defaultChecked />
            <span>{t("saved.relative")}</span>
          </label>
          <label>
            <input type="radio" name="time" value="absolute" />
            <span>{t("saved.absolute")}</span>
          </label>
        </fieldset>
      )}
      {me.role !== "auditor" && (
        <div className="options">
          <label>
            <input type="checkbox" name="shared" defaultChecked={search?.is_shared} />
            <span>
              {t("saved.share")}
              <span className="muted">{t("saved.share_help")}</span>
            </span>
          </label>
        </div>
      )}
    </FormDialog>
  );
}
