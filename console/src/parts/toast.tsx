// Short words about what was just done, at the foot of the page; a change can be undone from here for ten seconds.
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useWords } from "../words";
import { useKeys } from "../lib/keys";
import { useReason } from "./problem";

export interface Toast {
  text?: string;
  isBad?: boolean;
  /** What went wrong, said with what helps. */
  error?: unknown;
  undo?: () => Promise<unknown>;
}

type Tell = (toast: Toast) => void;
const Context = createContext<Tell | null>(null);
const LIFE = 10_000;

export function useToast(): Tell {
  const tell = use(Context);
  if (!tell) throw new Error("no toasts");
  return tell;
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const [toast, setToast] = useState<(Toast & { number: number }) | null>(null);
  const count = useRef(0);
  const tell = useCallback<Tell>((next) => setToast({ ...next, number: ++count.current }), []);

  useEffect(() => {
    if (!toast) return;
    const timer = window.setTimeout(() => setToast((shown) => (shown?.number === toast.number ? null : shown)), LIFE);
    return () => window.clearTimeout(timer);
  }, [toast]);

  const undo = useCallback(async () => {
    if (!toast?.undo) return;
    setToast(null);
    try {
      await toast.undo();
      tell({ text: t("toast.undone") });
    } catch (error) {
      tell({ error });
    }
  }, [toast, tell, t]);
  useKeys(toast?.undo ? { u: () => void undo() } : {});

  const value = useMemo(() => tell, [tell]);
  return (
    <Context value={value}>
      {children}
      <div className="toast-place" role="status" aria-live="polite">
        {toast && (
          <div className={`toast appear${toast.isBad || toast.error ? " bad" : ""}`} key={toast.number}>
            <span>{toast.error ? <Told error={toast.error} /> : toast.text}</span>
            {toast.undo && (
              <button type="button" className="button small" onClick={() => void undo()}>
                {t("toast.undo")} <kbd>u</kbd>
              </button>
            )}
            <button type="button" className="icon-button" aria-label={t("action.hide")} onClick={() => setToast(null)}>
              ×
            </button>
          </div>
        )}
      </div>
    </Context>
  );
}

function Told({ error }: { error: unknown }) {
  const { text, remedy } = useReason()(error);
  return (
    <>
      {text} {remedy && <span className="remedy">{remedy}</span>}
    </>
  );
}
