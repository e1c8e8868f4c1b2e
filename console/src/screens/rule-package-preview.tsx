// What installing, rolling back or removing a package would change, followed while the past is read; then it is done, or not.
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { api, data, Failure, problemOf, type Schemas, Unreachable } from "../api/client";
import { moment } from "../lib/time";
import { visible } from "../lib/visible";
import { Incomplete } from "../parts/answer";
import { Field } from "../parts/field";
import { useHouse } from "../parts/house";
import { type Ask, useLookedThrough } from "../parts/looked-through";
import { Problem } from "../parts/problem";
import { RangeChoice } from "../parts/range-choice";
import { Severity, State } from "../parts/severity";
import { useToast } from "../parts/toast";
import { Between } from "../parts/when";
import { useWords } from "../words";
import { shareOf } from "./hunt-count";
import { rulePath } from "./links";

type Found = Schemas["PreviewOf"];
type Done = Schemas["Done"];

/** The file itself is the body, so no form is made of it. */
async function send(path: string, file: File, params: Record<string, string | undefined>, language: string, signal?: AbortSignal): Promise<Response> {
  const query = new URLSearchParams(Object.entries({ ...params, file: file.name }).filter((pair): pair is [string, string] => !!pair[1]));
  try {
    return await fetch(`/api/v1/rules/packages/${path}?${query}`, { method: "POST", body: file, signal, headers: { "x-kydai": "1", "accept-language": language } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
}

const nameOf = (file: File) => file.name.replace(/\.[^.]*$/, "").toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[-._]+|[-._]+$/g, "") || "rules";

/** From a file: ``name`` of the package that it replaces, empty for a new one. */
export function PackageFile({ name, onLeave }: { name: string; onLeave: () => void }) {
  const { t, language } = useWords();
  const [file, setFile] = useState<File | null>(null);
  const [called, setCalled] = useState(name);
  const [version, setVersion] = useState("");
  const [sum, setSum] = useState("");
  const wanted = sum.trim() || undefined;
  const look: Ask = async (range, signal) => {
    const response = await send("preview/stream", file as File, { name: called, sha256: wanted, ...range }, language, signal);
    return response.ok ? { data: response.body as ReadableStream<Uint8Array<ArrayBuffer>>, response } : { error: await problemOf(response), response };
  };
  const apply = async (found: Found) => {
    const response = await send("install", file as File, { name: called, version, sha256: found.sha256 }, language);
    if (!response.ok) throw new Failure(await problemOf(response));
    return (await response.json()) as Done;
  };
  return (
    <Change key={`${file?.name} ${file?.lastModified} ${called} ${wanted}`} title={name ? t("packs.update_of", { name }) : t("packs.install")} act={t("packs.apply")} isReady={!!file && called !== ""} look={look} apply={apply} did="packs.did_install" onLeave={onLeave}>
      <div className="row wrap pack-fields">
        <label className="file-field">
          {/* the browser's own button speaks the browser's language */}
          <input
            type="file"
            className="visually-hidden"
            accept=".zip,.yml,.yaml"
            onClick={(event) => {
              event.currentTarget.value = "";
            }}
            onChange={(event) => {
              const chosen = event.target.files?.[0] ?? null;
              setFile(chosen);
              if (chosen && !name) setCalled(nameOf(chosen));
            }}
          />
          <span className="row">
            <span className="button">{t("packs.choose")}</span>
            <span className="muted">{file ? visible(file.name) : t("packs.no_file")}</span>
          </span>
        </label>
        {!name && (
          <Field label={t("packs.name")}>
            <input className="input" value={called} maxLength={61} onChange={(event) => setCalled(event.target.value)} />
          </Field>
        )}
        <Field label={t("packs.version")}>
          <input className="input" value={version} maxLength={100} onChange={(event) => setVersion(event.target.value)} />
        </Field>
        <Field label={t("packs.wanted_sum")}>
          <input className="input mono" value={sum} maxLength={64} onChange={(event) => setSum(event.target.value)} />
        </Field>
      </div>
    </Change>
  );
}

/** Back to the version before, or away. */
export function PackageChange({ what, name, onLeave }: { what: "rollback" | "remove"; name: string; onLeave: () => void }) {
  const { t } = useWords();
  const look: Ask = (query, signal) => api.GET("/api/v1/rules/packages/{name}/{what}/preview/stream", { params: { path: { name, what }, query }, signal, parseAs: "stream" });
  const path = { name };
  const apply = () => data(what === "remove" ? api.POST("/api/v1/rules/packages/{name}/remove", { params: { path }, body: { reason: "" } }) : api.POST("/api/v1/rules/packages/{name}/rollback", { params: { path }, body: { reason: "" } }));
  return <Change title={t(what === "remove" ? "packs.remove_of" : "packs.rollback_of", { name })} act={t(what === "remove" ? "packs.remove" : "packs.rollback")} isReady look={look} apply={apply} did={`packs.did_${what}`} onLeave={onLeave} />;
}

interface Props {
  title: string;
  act: string;
  isReady: boolean;
  look: Ask;
  apply: (found: Found) => Promise<Done>;
  /** What to say when it is done. */
  did: "packs.did_install" | "packs.did_remove" | "packs.did_rollback";
  onLeave: () => void;
  children?: ReactNode;
}

function Change({ title, act, isReady, look, apply, did, onLeave, children }: Props) {
  const { t } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [range, setRange] = useState({ from: "now-7d", to: "now" });
  const { progress, found, error, setError, run, stop } = useLookedThrough<Schemas["PreviewMessage"]>(look, range);
  const [isBusy, setBusy] = useState(false);
  const refresh = () => Promise.all([queries.invalidateQueries({ queryKey: ["rules"] }), queries.invalidateQueries({ queryKey: ["rule"] })]);
  const put = async () => {
    if (!found) return;
    setBusy(true);
    setError(null);
    try {
      const done = await apply(found);
      const path = { name: done.name };
      const body = { reason: "" };
      const undo = async () => {
        await data(done.undo === "remove" ? api.POST("/api/v1/rules/packages/{name}/remove", { params: { path }, body }) : api.POST("/api/v1/rules/packages/{name}/rollback", { params: { path }, body }));
        await refresh();
      };
      tell({ text: t(did, { name: done.name, n: done.rules }), undo });
      onLeave();
      await refresh();
    } catch (failed) {
      setError(failed);
    }
    setBusy(false);
  };
  return (
    <section className="pack pack-change" aria-label={title}>
      <h2>{title}</h2>
      {children}
      <div className="row wrap rule-bar">
        <RangeChoice from={range.from} to={range.to} onChange={setRange} />
        {progress ? (
          <button type="button" className="button" onClick={stop}>
            {t("backtest.stop")}
          </button>
        ) : (
          <button type="button" className={found ? "button" : "button main"} disabled={!isReady || isBusy} onClick={() => void run()}>
            {t("packs.look")}
          </button>
        )}
        {found && (
          <button type="button" className="button main" disabled={isBusy} onClick={() => void put()}>
            {act}
          </button>
        )}
        <button type="button" className="button" onClick={onLeave}>
          {t("action.cancel")}
        </button>
        {progress && (
          <span role="status">
            <progress aria-label={t("packs.look")} max={progress.whole || undefined} value={progress.whole > 0 ? progress.done : undefined} /> {t("backtest.far", { n: progress.found, share: shareOf(progress) })}
          </span>
        )}
      </div>
      {error !== null && <Problem error={error} />}
      {found && <Preview found={found} />}
    </section>
  );
}

function Preview({ found }: { found: Found }) {
  const { t, said, n, named, language } = useWords();
  const { zone } = useHouse().me;
  const states = Object.entries(found.states).filter(([, count]) => count > 0);
  return (
    <div aria-live="polite">
      <p>
        <b>{t("packs.alerts", { more: found.more, fewer: found.fewer })}</b>{" "}
        <span className="muted">
          <Between first={found.start} last={found.end} />
        </span>
        {found.blind_count > 0 && <State tone="high" text={t("packs.blind", { n: found.blind_count })} />}
      </p>
      <p>{t("packs.sum_of", { added: found.added, removed: found.removed, changed: found.changed })}</p>
      {found.start !== found.asked && <p className="high">{t("packs.shortened")}</p>}
      {found.truth && (!found.truth.complete || !found.truth.exact) && <Incomplete truth={found.truth} />}
      {found.held > 0 && <p>{t("packs.held", { n: found.held })}</p>}
      {found.correlated_late > 0 && <p className="high">{t("packs.correlated_since", { n: found.correlated_late, start: moment(Date.parse(found.correlated_since), language, zone) })}</p>}
      {found.uncounted > 0 && <p className="muted">{t("packs.uncounted", { n: found.uncounted })}</p>}
      {states.length > 0 && (
        <p className="muted">
          {t("packs.new_here")} {states.map(([state, count]) => `${n(count)} ${named("common.coverage", state)}`).join(" · ")}
        </p>
      )}
      {found.doubtful.map((each) => (
        <p key={each.en} className="critical">
          {t("packs.doubtful", { rule: said(each) })}
        </p>
      ))}
      {found.error_count > 0 && <p className="critical">{t("packs.unusable", { n: found.error_count })}</p>}
      {found.errors.map((each) => (
        <p key={each} className="mono critical">
          {visible(each)}
        </p>
      ))}
      {found.blind.map((each) => (
        <p key={each.title.en}>
          {said(each.title)}: <span className="muted">{said(each.reason)}</span>
        </p>
      ))}
      {found.rows.length > 0 && (
        <table className="plain-table">
          <thead>
            <tr>
              <th>{t("history.what")}</th>
              <th>{t("column.level")}</th>
              <th>{t("column.rule")}</th>
              <th className="right">{t("packs.more")}</th>
              <th className="right">{t("packs.fewer")}</th>
            </tr>
          </thead>
          <tbody>
            {found.rows.map((row) => (
              <tr key={row.id}>
                <td>
                  {t(`packs.is_${row.change}`)} <span className="muted">{row.kinds.map(said).join(", ")}</span>
                </td>
                <td className="whole">
                  <Severity level={row.level} />
                </td>
                <td>{row.change === "added" ? said(row.title) : <Link to={rulePath(row.id)}>{said(row.title)}</Link>}</td>
                <td className="right">{row.more === null ? "–" : `${row.is_cut ? "≥ " : ""}${n(row.more)}`}</td>
                <td className="right">{row.fewer === null ? "–" : n(row.fewer)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.added + found.removed + found.changed > found.rows.length && <p className="muted">{t("fact.more", { n: found.added + found.removed + found.changed - found.rows.length })}</p>}
    </div>
  );
}
