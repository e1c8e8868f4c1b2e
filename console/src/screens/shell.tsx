// The shell: navigation with counts, how far the data reach, the band that says when something is lost.
import { Menu, useMantineColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Link, NavLink, useLocation, useNavigate } from "react-router";
import { api, data } from "../api/client";
import { keep, maySend, ring, wake, wished, type Wish } from "../lib/alarm";
import { isTyping, useKeys } from "../lib/keys";
import { tabTitle, troubleOf } from "../lib/trouble";
import { Bell } from "../parts/bell";
import { Glass } from "../parts/glass";
import { useHouse, useStream } from "../parts/house";
import { Mark } from "../parts/mark";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { type Key, useWords } from "../words";
import { KeyHelp } from "./key-help";
import { Palette } from "./palette";
import { ChangePassword } from "./change-password";

const Sessions = lazy(() => import("./sessions"));
const Totp = lazy(() => import("./totp"));
type OwnDialog = "palette" | "keys" | "password" | "sessions" | "totp";

interface Place {
  path: string;
  name: Key;
  key: string;
  count?: "queue" | "incidents" | "waiting_runs" | "sources";
  /** Who has one of them may open it. */
  rights?: readonly ("journal" | "house")[];
  /** Not for an account with a scope. */
  isWhole?: boolean;
  /** Another path that belongs to it. */
  also?: string;
}

export const PLACES: readonly (Place | null)[] = [
  { path: "/queue", name: "nav.queue", key: "q", count: "queue" },
  { path: "/incidents", name: "nav.incidents", key: "i", count: "incidents" },
  { path: "/hunt", name: "nav.hunt", key: "h" },
  null,
  { path: "/detections", name: "nav.rules", key: "d", also: "/exceptions" },
  { path: "/runs", name: "nav.runs", key: "p", count: "waiting_runs", also: "/playbooks" },
  { path: "/sources", name: "nav.sources", key: "s", count: "sources" },
  { path: "/storage", name: "nav.storage", key: "t", rights: ["house"], isWhole: true },
  { path: "/notices", name: "nav.notices", key: "n", isWhole: true },
  null,
  { path: "/reports", name: "nav.reports", key: "b", isWhole: true },
  { path: "/shift", name: "nav.shift", key: "c" },
  { path: "/journal", name: "nav.journal", key: "l", rights: ["journal"] },
  { path: "/people", name: "nav.people", key: "a", rights: ["journal", "house"] },
];

/** The screens that this person may open. */
export function usePlaces(): (Place | null)[] {
  const { may, me } = useHouse();
  const seen = PLACES.filter((place) => (!place?.rights || place.rights.some(may)) && !(place?.isWhole && me.scope));
  // a rule with nothing after it parts nothing
  return seen.filter((place, at) => place || seen[at + 1]);
}

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const { me } = useHouse();
  const [dialog, setDialog] = useState<OwnDialog | null>(null);
  const [wish, setWish] = useState(wished);
  const screen = useRef<HTMLElement>(null);
  useJumps();
  useKeys({ "?": () => setDialog("keys"), "/": () => setDialog("palette") });
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        setDialog("palette");
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className="shell">
      <button type="button" className="skip" onClick={() => screen.current?.focus()}>
        {t("skip")}
      </button>
      {me.is_demo && <div className="demo">{t("demo")}</div>}
      <Band />
      <Link to="/queue" className="brand">
        <Mark />
        {t("product")}
      </Link>
      <header className="top">
        <button type="button" className="top-search" onClick={() => setDialog("palette")}>
          <Glass />
          <span>{t("palette.ask")}</span>
          <kbd>Ctrl K</kbd>
        </button>
        {me.scope && (
          <span className="tag scope" title={me.scope}>
            {me.scope}
          </span>
        )}
        <DataClock />
        <Bell wish={wish} />
        <PersonMenu onOpen={setDialog} wish={wish} onWish={setWish} />
      </header>
      <Navigation />
      <main className="screen" ref={screen} tabIndex={-1}>
        {children}
      </main>
      {dialog === "palette" && <Palette onClose={() => setDialog(null)} />}
      {dialog === "keys" && <KeyHelp onClose={() => setDialog(null)} />}
      {dialog === "password" && <ChangePassword onClose={() => setDialog(null)} />}
      <Suspense>
        {dialog === "sessions" && <Sessions onClose={() => setDialog(null)} />}
        {dialog === "totp" && <Totp onClose={() => setDialog(null)} />}
      </Suspense>
    </div>
  );
}

function Navigation() {
  const { t, n } = useWords();
  const stream = useStream();
  const { tick } = stream;
  const trouble = troubleOf(stream);
  const { pathname } = useLocation();
  const here = PLACES.find((place) => place && (pathname.startsWith(place.path) || place.also === pathname));
  const screen = here ? `${t(here.name)} · ${t("product")}` : t("product");
  const title = tabTitle(trouble && t(`tab.${trouble}`), tick?.counts.queue ?? 0, screen);
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <nav className="side-nav" aria-label={t("nav.label")}>
      {usePlaces().map((place, at) =>
        place ? (
          <NavLink key={place.path} to={place.path} className={({ isActive }) => (isActive || place.also === pathname ? "active" : "")}>
            {t(place.name)}
            {place.count && tick && tick.counts[place.count] > 0 && <small>{n(tick.counts[place.count])}</small>}
          </NavLink>
        ) : (
          <hr key={at} />
        ),
      )}
    </nav>
  );
}

function DataClock() {
  const { t, n } = useWords();
  const { dataUntil, tick } = useStream();
  if (!dataUntil) return <span className="clock">{t("clock.none")}</span>;
  const lag = tick?.health.lag_seconds;
  return (
    <span className="clock">
      {t("clock.until")}{" "}
      <b>
        <When at={dataUntil} />
      </b>
      {lag !== null && lag !== undefined && ` · ${t("clock.lag", { seconds: n(lag, lag < 10 ? 1 : 0) })}`}
    </span>
  );
}

/** Red: what is on the page may be out of date, or people are not told. Amber: something else is not as it should be. */
function Band() {
  const { t, said } = useWords();
  const { me } = useHouse();
  const stream = useStream();
  const { status, tick, dataUntil } = stream;
  const until = dataUntil && (
    <span>
      {t("band.last_data")} <When at={dataUntil} form="full" />
    </span>
  );
  if (status === "session") {
    return (
      <div className="band bad" role="alert">
        {t("band.session")} {until} <a href="/sign-in">{t("band.sign_in")}</a>
      </div>
    );
  }
  if (status === "lost") {
    return (
      <div className="band bad" role="alert">
        {t("band.lost")} {until}
      </div>
    );
  }
  const ailments = tick?.health.ailments ?? [];
  const grave = ailments.filter((ailment) => ailment.is_fatal || ailment.is_urgent);
  const isBehind = troubleOf(stream) === "behind";
  if (isBehind || grave.length > 0) {
    return (
      <div className="band bad" role="alert">
        {isBehind && (
          <>
            {t("band.behind")} {until}
          </>
        )}
        {(isBehind ? ailments : grave).map((ailment) => (
          <span key={ailment.key}>
            {said(ailment.text)} {ailment.key === "notices" && !me.scope && <Link to="/notices">{t("band.notices")}</Link>}
          </span>
        ))}
        {grave.some((ailment) => ailment.is_fatal) && until}
      </div>
    );
  }
  if (ailments.length === 0) return null;
  return (
    <div className="band warn" role="status">
      {ailments.map((ailment) => (
        <span key={ailment.key}>{said(ailment.text)}</span>
      ))}
    </div>
  );
}

function PersonMenu({ onOpen, wish, onWish }: { onOpen: (dialog: OwnDialog) => void; wish: Wish; onWish: (wish: Wish) => void }) {
  const { t, named, language } = useWords();
  const { me } = useHouse();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const queries = useQueryClient();
  const tell = useToast();
  const speakTo = async (code: "vi" | "en") => {
    try {
      queries.setQueryData(["me"], await data(api.PATCH("/api/v1/auth/me", { body: { language: code } })));
    } catch (error) {
      tell({ error });
    }
  };
  const want = (changed: Wish) => {
    keep(changed);
    onWish(changed);
  };
  const turnSound = async () => {
    want({ ...wish, sound: !wish.sound });
    if (wish.sound) return;
    await wake();
    ring(1);
  };
  const turnNotices = async () => {
    if (!wish.notice && "Notification" in window && !maySend()) await Notification.requestPermission();
    if (wish.notice || maySend()) want({ ...wish, notice: !wish.notice });
    else tell({ text: t("alarm.refused_how"), isBad: true });
  };
  const leave = async () => {
    await api.POST("/api/v1/auth/sign-out");
    window.location.assign("/sign-in");
  };
  return (
    <Menu position="bottom-end" offset={6} transitionProps={{ duration: 0 }} width={230} returnFocus>
      <Menu.Target>
        <button type="button" className="link" style={{ color: "inherit", whiteSpace: "nowrap" }}>
          {me.full_name || me.name}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.name} · {named("common.role", me.role)}
        </Menu.Label>
        <Menu.Label>{t("menu.language")}</Menu.Label>
        <Menu.Item onClick={() => void speakTo("vi")} rightSection={language === "vi" && "✓"} lang="vi">
          {t("menu.vi")}
        </Menu.Item>
        <Menu.Item onClick={() => void speakTo("en")} rightSection={language === "en" && "✓"} lang="en">
          {t("menu.en")}
        </Menu.Item>
        <Menu.Label>{t("menu.theme")}</Menu.Label>
        {(["light", "dark", "auto"] as const).map((scheme) => (
          <Menu.Item key={scheme} onClick={() => setColorScheme(scheme)} rightSection={colorScheme === scheme && "✓"}>
            {t(`menu.theme.${scheme}`)}
          </Menu.Item>
        ))}
        <Menu.Label>{t("alarm.title")}</Menu.Label>
        <Menu.Item onClick={() => void turnSound()} rightSection={wish.sound && "✓"}>
          {t("alarm.sound")}
        </Menu.Item>
        <Menu.Item onClick={() => void turnNotices()} rightSection={wish.notice && "✓"}>
          {t("alarm.notice")}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => onOpen("keys")}>{t("menu.keys")}</Menu.Item>
        <Menu.Item onClick={() => onOpen("password")}>{t("menu.password")}</Menu.Item>
        <Menu.Item onClick={() => onOpen("totp")}>{t("access.totp")}</Menu.Item>
        <Menu.Item onClick={() => onOpen("sessions")}>{t("menu.sessions")}</Menu.Item>
        <Menu.Item onClick={() => void leave()}>{t("menu.leave")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** `g` and a letter go to a screen. */
function useJumps(): void {
  const navigate = useNavigate();
  const places = usePlaces();
  const since = useRef(0);
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target) || document.querySelector('[role="dialog"]')) return;
      if (event.key === "g") {
        since.current = event.timeStamp;
        return;
      }
      const isJump = since.current > 0 && event.timeStamp - since.current < 1_200;
      since.current = 0;
      const place = isJump ? places.find((p) => p?.key === event.key) : null;
      if (place) {
        event.preventDefault();
        event.stopImmediatePropagation();
        void navigate(place.path);
      }
    };
    // before the keys of the page, whose letters may be the same
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [navigate, places]);
}
