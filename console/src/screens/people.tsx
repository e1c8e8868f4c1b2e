// People and tokens: who may sign in, with which role and scope; links and tokens are shown once.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { useAddress } from "../lib/address";
import { useCurrent } from "../lib/current";
import { Asking, Empty, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Field, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { type Column, Grid, useRowKeys } from "../parts/grid";
import { useHouse } from "../parts/house";
import { State } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";

type Person = Schemas["Person"];
type Token = Schemas["TokenRow"];
type Role = Schemas["Role"];
const ROLES: readonly Role[] = ["analyst", "sysadmin", "auditor", "admin"];
const nameOf = (row: { name: string }) => row.name;

/** What is shown once: a link or a token. */
interface Secret {
  title: string;
  text: string;
  note: string;
}

export default function People() {
  const { t } = useWords();
  const { may } = useHouse();
  const [get, set] = useAddress();
  const [dialog, setDialog] = useState<"person" | "token" | null>(null);
  const [secret, setSecret] = useState<Secret | null>(null);
  const hasPeople = may("journal");
  const isTokens = !hasPeople || get("show") === "tokens";
  const show = (found: Secret) => {
    setDialog(null);
    setSecret(found);
  };
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.people")}</h1>
        {hasPeople ? (
          <span className="tabs" role="group" aria-label={t("nav.people")}>
            <button type="button" className={isTokens ? "" : "active"} aria-pressed={!isTokens} onClick={() => set({ show: null, at: null })}>
              {t("people.title")}
            </button>
            <button type="button" className={isTokens ? "active" : ""} aria-pressed={isTokens} onClick={() => set({ show: "tokens", at: null })}>
              {t("tokens.title")}
            </button>
          </span>
        ) : (
          <span className="muted">{t("tokens.for_intake")}</span>
        )}
        <span className="space" />
        {may("admin") && !isTokens && (
          <button type="button" className="button main" onClick={() => setDialog("person")}>
            {t("people.add")}
          </button>
        )}
        {may("house") && isTokens && (
          <button type="button" className="button main" onClick={() => setDialog("token")}>
            {t("tokens.add")}
          </button>
        )}
      </div>
      {isTokens ? <Tokens /> : <Persons onSecret={show} />}
      {dialog === "person" && <AddPerson onClose={() => setDialog(null)} onSecret={show} />}
      {dialog === "token" && <AddToken onClose={() => setDialog(null)} onSecret={show} />}
      {secret && (
        <Dialog title={secret.title} onClose={() => setSecret(null)} wide>
          <div className="form">
            <p>{secret.note}</p>
            <pre className="mono original" tabIndex={0} aria-label={secret.title}>
              {secret.text}
            </pre>
            <div className="form-actions">
              <Copy text={secret.text} isFirst />
            </div>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Persons({ onSecret }: { onSecret: (secret: Secret) => void }) {
  const { t, n, named } = useWords();
  const [current, setCurrent] = useCurrent();
  const asked = useQuery({ queryKey: ["people"], queryFn: () => data(api.GET("/api/v1/users")) });
  const rows = asked.data ?? [];
  const row = rows.find((person) => person.name === current) ?? null;
  useRowKeys(rows, nameOf, current, setCurrent);
  const columns: Column<Person>[] = [
    { key: "name", title: t("sign_in.name"), width: "150px", className: "mono", cell: (person) => person.name },
    { key: "full", title: t("people.full_name"), width: "minmax(160px, 1fr)", cell: (person) => person.full_name || "–" },
    { key: "role", title: t("people.role"), width: "150px", className: "muted", cell: (person) => named("common.role", person.role) },
    { key: "scope", title: t("people.scope"), width: "minmax(140px, 1fr)", className: "mono muted", cell: (person) => person.scope || t("people.whole") },
    { key: "state", title: t("column.status"), width: "170px", cell: (person) => <PersonState person={person} /> },
    { key: "seen", title: t("people.seen"), width: "112px", className: "muted", cell: (person) => (person.seen_at ? <When at={person.seen_at} /> : "–") },
  ];
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  return (
    <div className={`split${row ? "" : " alone"}`}>
      <Grid label={t("people.title")} rows={rows} columns={row ? columns.filter((c) => c.key !== "scope" && c.key !== "seen") : columns} rowKey={nameOf} current={current} onCurrent={setCurrent} foot={t("people.count", { n: n(rows.length) })} />
      {row && <PersonPanel person={row} key={row.name} onSecret={onSecret} />}
    </div>
  );
}

function PersonState({ person }: { person: Person }) {
  const { t } = useWords();
  if (person.is_disabled) return <State tone="muted" text={t("people.disabled")} />;
  if (person.waits_until) return <State tone="high" text={t("people.waits")} />;
  return person.has_password ? <State tone="good" text={t("people.active")} /> : <State tone="low" text={t("people.no_password")} />;
}

function PersonPanel({ person, onSecret }: { person: Person; onSecret: (secret: Secret) => void }) {
  const { t, n, named } = useWords();
  const { me, may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const params = { path: { name: person.name } };
  const onError = (error: Error) => tell({ error });
  const change = useMutation({
    mutationFn: (body: Schemas["PersonChange"]) => data(api.PATCH("/api/v1/users/{name}", { params, body })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["people"] });
      tell({ text: t("people.changed", { name: person.name }) });
    },
    onError,
  });
  const link = useMutation({
    mutationFn: (forget: boolean) => data(api.POST("/api/v1/users/{name}/link", { params, body: { forget_password: forget } })),
    onSuccess: (found) => {
      void queries.invalidateQueries({ queryKey: ["people"] });
      onSecret({ title: t("people.link", { name: person.full_name || person.name }), text: found.url, note: t("people.link_note") });
    },
    onError,
  });
  const end = useMutation({
    mutationFn: (what: "sessions" | "totp") =>
      what === "totp" ? data(api.DELETE("/api/v1/users/{name}/totp", { params })) : data(api.DELETE("/api/v1/users/{name}/sessions", { params })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["people"] });
      tell({ text: t("people.changed", { name: person.name }) });
    },
    onError,
  });
  return (
    <aside className="side" aria-label={person.name}>
      <h2>{person.full_name || person.name}</h2>
      <p className="muted">
        <span className="mono">{person.name}</span> · {named("common.role", person.role)}
      </p>
      <dl className="pairs" style={{ margin: "10px 0" }}>
        <dt>{t("people.scope")}</dt>
        <dd className={person.scope ? "mono" : ""}>{person.scope || t("people.whole")}</dd>
        <dt>{t("access.totp")}</dt>
        <dd>{person.has_totp ? t("people.totp_on") : t("people.totp_off")}</dd>
        <dt>{t("people.sessions")}</dt>
        <dd>{n(person.sessions)}</dd>
        <dt>{t("people.created")}</dt>
        <dd>
          <When at={person.created_at} form="full" />
        </dd>
      </dl>
      {may("admin") && (
        <div className="form">
          <label className="field">
            <span className="label">{t("people.role")}</span>
            <select className="input" value={person.role} disabled={change.isPending} onChange={(event) => change.mutate({ role: event.target.value as Role })}>
              {ROLES.map((role) => (
                <option key={role} value={role}>
                  {named("common.role", role)}
                </option>
              ))}
            </select>
          </label>
          <div className="row wrap">
            <button type="button" className="button" disabled={person.is_disabled || link.isPending} onClick={() => link.mutate(false)}>
              {t("people.new_link")}
            </button>
            <button type="button" className="button" disabled={person.is_disabled || link.isPending} onClick={() => link.mutate(true)}>
              {t("people.forget")}
            </button>
            {person.name !== me.name && (
              <button type="button" className="button" disabled={change.isPending} onClick={() => change.mutate({ is_disabled: !person.is_disabled })}>
                {person.is_disabled ? t("people.enable") : t("people.disable")}
              </button>
            )}
          </div>
          {person.name !== me.name && (person.sessions > 0 || person.has_totp) && (
            <div className="row wrap">
              {person.sessions > 0 && (
                <button type="button" className="button" disabled={end.isPending} onClick={() => end.mutate("sessions")}>
                  {t("people.end_sessions")}
                </button>
              )}
              {person.has_totp && (
                <button type="button" className="button" disabled={end.isPending} onClick={() => end.mutate("totp")}>
                  {t("people.take_totp")}
                </button>
              )}
            </div>
          )}
          <p className="muted">{t("people.sessions_end")}</p>
        </div>
      )}
    </aside>
  );
}

function AddPerson({ onClose, onSecret }: { onClose: () => void; onSecret: (secret: Secret) => void }) {
  const { t, named } = useWords();
  const queries = useQueryClient();
  const send = async (form: FormData) => {
    const body = { name: textOf(form, "name"), full_name: textOf(form, "full_name"), role: textOf(form, "role") as Role, scope: textOf(form, "scope"), language: textOf(form, "language") as "vi" | "en" };
    const added = await data(api.POST("/api/v1/users", { body }));
    void queries.invalidateQueries({ queryKey: ["people"] });
    onSecret({ title: t("people.link", { name: added.person.full_name || added.person.name }), text: added.link.url, note: t("people.link_note") });
  };
  return (
    <FormDialog title={t("people.add")} onClose={onClose} send={t("people.add")} onSend={send}>
      <Field label={t("sign_in.name")}>
        <input className="input" name="name" required maxLength={64} autoCapitalize="none" spellCheck={false} />
      </Field>
      <Field label={t("people.full_name")}>
        <input className="input" name="full_name" maxLength={200} />
      </Field>
      <Field label={t("people.role")}>
        <select className="input" name="role">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {named("common.role", role)}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t("people.scope_label")}>
        <input className="input mono" name="scope" maxLength={2000} placeholder={'kydai.agency: "…"'} spellCheck={false} />
      </Field>
      <Field label={t("menu.language")}>
        <select className="input" name="language">
          <option value="vi">{t("menu.vi")}</option>
          <option value="en">{t("menu.en")}</option>
        </select>
      </Field>
    </FormDialog>
  );
}

function Tokens() {
  const { t, named } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const asked = useQuery({ queryKey: ["tokens"], queryFn: () => data(api.GET("/api/v1/tokens")) });
  const revoke = useMutation({
    mutationFn: (name: string) => data(api.DELETE("/api/v1/tokens/{name}", { params: { path: { name } } })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["tokens"] }),
    onError: (error) => tell({ error }),
  });
  const canRevoke = (token: Token) => may("admin") || (may("house") && token.scope === "ingest");
  const columns: Column<Token>[] = [
    { key: "name", title: t("tokens.name"), width: "minmax(160px, 1fr)", className: "mono", cell: (token) => token.name },
    { key: "scope", title: t("tokens.scope"), width: "150px", className: "muted", cell: (token) => named("tokens.for", token.scope) },
    { key: "owner", title: t("tokens.owner"), width: "130px", className: "muted", cell: (token) => <Who actor={token.owner} /> },
    { key: "used", title: t("tokens.used"), width: "120px", className: "muted", cell: (token) => (token.used_at ? <When at={token.used_at} /> : "–") },
    { key: "expires", title: t("tokens.expires"), width: "120px", className: "muted", cell: (token) => <When at={token.expires_at} /> },
    {
      key: "state",
      title: t("column.status"),
      width: "190px",
      cell: (token) =>
        token.revoked_at ? (
          <State tone="muted" text={t("tokens.revoked")} />
        ) : canRevoke(token) ? (
          <button type="button" className="button small" onClick={() => revoke.mutate(token.name)}>
            {t("tokens.revoke")}
          </button>
        ) : (
          <State tone="good" text={t("people.active")} />
        ),
    },
  ];
  if (asked.isPending) return <Asking />;
  if (asked.isError) return <Failed error={asked.error} again={() => void asked.refetch()} />;
  return (
    <div className="split alone">
      <Grid label={t("tokens.title")} rows={asked.data} columns={columns} rowKey={nameOf} empty={<Empty title={t("tokens.none")} text={t("tokens.none_help")} />} />
    </div>
  );
}

function AddToken({ onClose, onSecret }: { onClose: () => void; onSecret: (secret: Secret) => void }) {
  const { t, named } = useWords();
  const { may } = useHouse();
  const queries = useQueryClient();
  const send = async (form: FormData) => {
    const body = { name: String(form.get("name")).trim(), scope: String(form.get("scope")) as Schemas["TokenScope"], days: Number(form.get("days")) };
    const made = await data(api.POST("/api/v1/tokens", { body }));
    void queries.invalidateQueries({ queryKey: ["tokens"] });
    onSecret({ title: made.name, text: made.token, note: t("tokens.note") });
  };
  const scopes = may("admin") ? (["ingest", "api"] as const) : (["ingest"] as const);
  return (
    <FormDialog title={t("tokens.add")} onClose={onClose} send={t("tokens.add")} onSend={send}>
      <Field label={t("tokens.name")}>
        <input className="input" name="name" required maxLength={100} spellCheck={false} />
      </Field>
      <Field label={t("tokens.scope")}>
        <select className="input" name="scope">
          {scopes.map((scope) => (
            <option key={scope} value={scope}>
              {named("tokens.for", scope)}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t("tokens.days")}>
        <input className="input" type="number" name="days" min={1} max={365} defaultValue={365} required />
      </Field>
    </FormDialog>
  );
}
