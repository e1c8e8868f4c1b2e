// What stands around the screens: theme, words, who is signed in, the stream, the routes.
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { type ComponentType, lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from "react";
import { BrowserRouter, Navigate, Route, Routes, useLocation } from "react-router";
import { Failure, speak, whenSessionLost } from "./api/client";
import { useMe } from "./api/me";
import { Stream } from "./api/stream";
import { Asking, Failed } from "./parts/answer";
import { Boundary } from "./parts/boundary";
import { HouseContext } from "./parts/house";
import { ToastProvider } from "./parts/toast";
import { Shell } from "./screens/shell";
import { theme } from "./theme";
import { addMore, type Language, load, WordsProvider } from "./words";

const SignIn = lazy(() => import("./screens/sign-in"));
const Queue = lazy(() => import("./screens/queue"));
/** A screen that is not opened first; its words come with it. */
const later = (screen: () => Promise<{ default: ComponentType }>) => lazy(async () => (await Promise.all([screen(), addMore()]))[0]);
const Incidents = later(() => import("./screens/incidents"));
const Incident = later(() => import("./screens/incident"));
const Hunt = later(() => import("./screens/hunt"));
const Entity = later(() => import("./screens/entity"));
const Rules = later(() => import("./screens/rules"));
const Exceptions = later(() => import("./screens/exceptions"));
const RuleMatrix = later(() => import("./screens/rule-matrix"));
const RuleNew = later(() => import("./screens/rule-new"));
const RulePackages = later(() => import("./screens/rule-packages"));
const RulePage = later(() => import("./screens/rule-page"));
const Runs = later(() => import("./screens/runs"));
const Playbooks = later(() => import("./screens/playbooks"));
const Sources = later(() => import("./screens/sources"));
const Storage = later(() => import("./screens/storage"));
const Notices = later(() => import("./screens/notices"));
const Reports = later(() => import("./screens/reports"));
const Shift = later(() => import("./screens/shift"));
const Journal = later(() => import("./screens/journal"));
const People = later(() => import("./screens/people"));

const REMEMBERED = "kydai-language";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (count, error) => !(error instanceof Failure) && count < 2,
      refetchOnWindowFocus: false,
      staleTime: 10_000,
    },
  },
});

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={client}>
        <BrowserRouter>
          <Speaking>
            <ToastProvider>
              <Routes>
                <Route
                  path="/sign-in"
                  element={
                    <Suspense fallback={<Asking />}>
                      <SignIn />
                    </Suspense>
                  }
                />
                <Route path="*" element={<SignedIn />} />
              </Routes>
            </ToastProvider>
          </Speaking>
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Speaking({ children }: { children: ReactNode }) {
  const me = useMe();
  const remembered = localStorage.getItem(REMEMBERED) === "en" ? "en" : "vi";
  const language: Language = me.data?.language ?? remembered;
  const [spoken, setSpoken] = useState<{ language: Language; words: Record<string, string> } | null>(null);

  useEffect(() => {
    let isWanted = true;
    void load(language).then((words) => {
      if (!isWanted) return;
      speak(language);
      localStorage.setItem(REMEMBERED, language);
      setSpoken({ language, words });
    });
    return () => {
      isWanted = false;
    };
  }, [language]);

  if (!spoken || me.isPending) return null;
  return (
    <WordsProvider words={spoken.words} language={spoken.language}>
      {children}
    </WordsProvider>
  );
}

function SignedIn() {
  const me = useMe();
  const place = useLocation();
  const queries = useQueryClient();
  const stream = useMemo(() => new Stream(), []);
  const isIn = !!me.data && !me.data.must_set_password && !me.data.must_set_totp;

  useEffect(() => {
    if (!isIn) return;
    stream.start();
    const offLost = whenSessionLost(() => stream.sessionLost());
    const offChange = stream.listen((changes) => {
      if (changes.incidents.length || changes.runs.length || changes.more) {
        void queries.invalidateQueries({ queryKey: ["incidents"] });
        void queries.invalidateQueries({ queryKey: ["incident"] });
        void queries.invalidateQueries({ queryKey: ["runs"] });
      }
    });
    return () => {
      offChange();
      offLost();
      stream.stop();
    };
  }, [isIn, stream, queries]);

  const house = useMemo(
    () => me.data && { me: me.data, stream, may: (right: (typeof me.data.may)[number]) => me.data?.may.includes(right) ?? false },
    [me.data, stream],
  );
  if (me.isError) return <Failed error={me.error} again={() => void me.refetch()} />;
  if (!house || !isIn) {
    const next = place.pathname === "/" ? "" : `?next=${encodeURIComponent(place.pathname + place.search)}`;
    return <Navigate to={`/sign-in${next}`} replace />;
  }
  return (
    <HouseContext value={house}>
      <Shell>
        <Boundary name={place.pathname}>
          <Suspense fallback={<Asking />}>
            <Routes>
              <Route path="/" element={<Navigate to="/queue" replace />} />
              <Route path="/queue" element={<Queue />} />
              <Route path="/incidents" element={<Incidents />} />
              <Route path="/incidents/:number" element={<Incident />} />
              <Route path="/hunt" element={<Hunt />} />
              <Route path="/entity" element={<Entity />} />
              <Route path="/exceptions" element={<Exceptions />} />
              <Route path="/detections" element={<Rules />} />
              <Route path="/detections/exceptions" element={<Navigate to={`/exceptions${place.search}`} replace />} />
              <Route path="/detections/matrix" element={<RuleMatrix />} />
              <Route path="/detections/packages" element={<RulePackages />} />
              <Route path="/detections/new" element={<RuleNew />} />
              <Route path="/detections/:id" element={<RulePage />} />
              <Route path="/rules" element={<Navigate to={`/detections${place.search}`} replace />} />
              <Route path="/runs" element={<Runs />} />
              <Route path="/runs/:id" element={<Runs />} />
              <Route path="/playbooks" element={<Playbooks />} />
              <Route path="/sources" element={<Sources />} />
              <Route path="/storage" element={<Storage />} />
              <Route path="/notices" element={<Notices />} />
              <Route path="/reports" element={<Reports />} />
              <Route path="/shift" element={<Shift />} />
              <Route path="/journal" element={<Journal />} />
              <Route path="/people" element={<People />} />
              <Route path="*" element={<Navigate to="/queue" replace />} />
            </Routes>
          </Suspense>
        </Boundary>
      </Shell>
    </HouseContext>
  );
}
