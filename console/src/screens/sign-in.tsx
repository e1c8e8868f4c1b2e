// Signing in: by name and password, by the secret of a printed link, and the first password after that.
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Navigate, useLocation, useNavigate, useSearchParams } from "react-router";
import { api, data, Failure, NEED_CODE } from "../api/client";
import { useMe } from "../api/me";
import { Field } from "../parts/field";
import { Mark } from "../parts/mark";
import { Problem } from "../parts/problem";
import { useWords } from "../words";
import { NewPassword } from "./change-password";
import { CodeField, TotpSetup } from "./totp-setup";

/** The secret is taken out of the address at once, so that it stays in no history. */
function takeSecret(): string {
  const secret = window.location.hash.slice(1);
  if (secret) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return secret;
}

/** What is sent again with the one-time code. */
type Held = { name: string; password: string } | { link: string };

const isAsking = (error: unknown) => error instanceof Failure && error.problem.type === NEED_CODE;

const enter = (held: Held, code?: string) =>
  "link" in held
    ? data(api.POST("/api/v1/auth/link", { body: { code: held.link, totp: code } }))
    : data(api.POST("/api/v1/auth/sign-in", { body: { ...held, code } }));

export default function SignIn() {
  const { t } = useWords();
  const me = useMe();
  const queries = useQueryClient();
  const place = useLocation();
  const [params] = useSearchParams();
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(() => window.location.hash.length > 1);
  const tried = useRef("");
  const [held, setHeld] = useState<Held | null>(null);

  const attempt = async (next: Held, code?: string) => {
    setBusy(true);
    setProblem(null);
    try {
      queries.setQueryData(["me"], await enter(next, code));
      setHeld(null);
    } catch (error) {
      if (isAsking(error)) setHeld(next);
      else setProblem(error);
    } finally {
      setBusy(false);
    }
  };

  useEffect(() => {
    const secret = takeSecret();
    if (!secret || tried.current === secret) return;
    tried.current = secret;
    void attempt({ link: secret });
  }, [place.hash, queries]);

  const next = params.get("next") ?? "/";
  const isSafe = next.startsWith("/") && !next.startsWith("//") && !next.startsWith("/\\");
  if (held) return <AskCode problem={problem} isBusy={isBusy} onCode={(code) => void attempt(held, code)} onBack={() => setHeld(null)} />;
  if (isBusy) return <Frame>{t("sign_in.by_link")}</Frame>;
  if (me.data?.must_set_password) return <FirstPassword name={me.data.full_name || me.data.name} />;
  if (me.data?.must_set_totp) return <FirstTotp />;
  if (me.data) return <Navigate to={isSafe ? next : "/"} replace />;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void attempt({ name: String(form.get("name")).trim(), password: String(form.get("password")) });
  };
  return (
    <Frame>
      <form className="form" onSubmit={submit}>
        <h1>{t("sign_in.title")}</h1>
        {problem !== null && <Problem error={problem} />}
        <Field label={t("sign_in.name")}>
          <input className="input" name="name" autoComplete="username" required autoFocus spellCheck={false} autoCapitalize="none" />
        </Field>
        <Field label={t("sign_in.password")}>
          <input className="input" name="password" type="password" autoComplete="current-password" required />
        </Field>
        <button type="submit" className="button main">
          {t("sign_in.enter")}
        </button>
        <p className="muted">{t("sign_in.no_password")}</p>
      </form>
    </Frame>
  );
}

function AskCode({ problem, isBusy, onCode, onBack }: { problem: unknown; isBusy: boolean; onCode: (code: string) => void; onBack: () => void }) {
  const { t } = useWords();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onCode(String(new FormData(event.currentTarget).get("code")).trim());
  };
  return (
    <Frame>
      <form className="form" onSubmit={submit}>
        <h1>{t("access.totp")}</h1>
        {problem !== null && <Problem error={problem} />}
        <CodeField label={t("access.code")} />
        <button type="submit" className="button main" disabled={isBusy}>
          {t("sign_in.enter")}
        </button>
        <p className="muted">{t("access.lost")}</p>
        <button type="button" className="link" onClick={onBack}>
          {t("access.back")}
        </button>
      </form>
    </Frame>
  );
}

/** The role needs a second factor: nothing else is open before. */
function FirstTotp() {
  const { t } = useWords();
  const queries = useQueryClient();
  const leave = async () => {
    await api.POST("/api/v1/auth/sign-out");
    window.location.assign("/sign-in");
  };
  return (
    <Frame>
      <h1>{t("access.totp")}</h1>
      <p>{t("access.required")}</p>
      <TotpSetup onDone={() => void queries.refetchQueries({ queryKey: ["me"] })} />
      <button type="button" className="link" onClick={() => void leave()}>
        {t("menu.leave")}
      </button>
    </Frame>
  );
}

function FirstPassword({ name }: { name: string }) {
  const { t } = useWords();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [problem, setProblem] = useState<unknown>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const chosen = String(form.get("new"));
    if (chosen !== form.get("again")) {
      setProblem(new Error(t("password.differ")));
      return;
    }
    try {
      await data(api.POST("/api/v1/auth/password", { body: { new: chosen } }));
      await queries.refetchQueries({ queryKey: ["me"] });
      await navigate("/");
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Frame>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <h1>{t("password.first", { name })}</h1>
        <p className="muted">{t("password.rule")}</p>
        {problem !== null && <Problem error={problem} />}
        <NewPassword isFirst />
        <button type="submit" className="button main">
          {t("password.save")}
        </button>
      </form>
    </Frame>
  );
}

function Frame({ children }: { children: ReactNode }) {
  const { t } = useWords();
  return (
    <main className="sign-in">
      <div className="brand-large">
        <Mark size={32} />
        <span>
          {t("product")}
          <span className="muted" style={{ display: "block", fontSize: 13, fontWeight: 400 }}>
            {t("sign_in.claim")}
          </span>
        </span>
      </div>
      {children}
    </main>
  );
}
