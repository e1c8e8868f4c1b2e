// The table of every screen: rows of 32 px, virtual, one current row, moved by arrows and by the page's keys.
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef } from "react";
import { isTyping, useKeys } from "../lib/keys";
import "../styles/grid.css";

export interface Column<T> {
  key: string;
  title: ReactNode;
  /** A track of CSS grid: `118px`, `minmax(160px, 1fr)`. */
  width: string;
  align?: "right";
  className?: string;
  cell: (row: T) => ReactNode;
}

export interface GridProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  rowKey: (row: T) => string;
  current?: string | null;
  onCurrent?: (key: string) => void;
  onOpen?: (row: T) => void;
  rowClass?: (row: T) => string;
  /** Called when the last rows come near. */
  onEnd?: () => void;
  foot?: ReactNode;
  empty?: ReactNode;
}

const ROW = 32;
const HEAD = 28;

export function Grid<T>(props: GridProps<T>) {
  const { rows, columns, rowKey, current, onCurrent, onOpen, onEnd } = props;
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => place.current,
    estimateSize: () => ROW,
    overscan: 12,
    scrollPaddingStart: HEAD,
    scrollMargin: 0,
  });
  const items = virtual.getVirtualItems();
  const template = columns.map((c) => c.width).join(" ");
  // the narrowest that the columns may be, so that a small window scrolls sideways
  const minWidth = columns.reduce((sum, column) => sum + Number(/\d+/.exec(column.width)?.[0] ?? 0), 0);
  const at = current ? rows.findIndex((row) => rowKey(row) === current) : -1;
  const isRendered = at >= 0 && items.some((item) => item.index === at);

  const was = useRef(current);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
    // the page's keys move the row from anywhere: Tab then goes on from it, to its links and what stands beside it
    const isMoved = was.current !== current && at >= 0;
    was.current = current;
    if (isMoved && !isTyping(document.activeElement) && !document.querySelector('[role="dialog"]')) place.current?.focus({ preventScroll: true });
    // only when the current row changes: scrolling away from it must be possible
  }, [at]);

  // Tab goes through the links of the current row and on, not through those of every row
  useEffect(() => {
    if (!onCurrent) return;
    for (const each of place.current?.querySelectorAll<HTMLElement>(".grid-row :is(a, button)") ?? []) {
      each.tabIndex = each.closest(".grid-row.current") ? 0 : -1;
    }
  });

  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd && rows.length > 0 && last >= rows.length - 20) onEnd();
  }, [last, rows.length, onEnd]);

  const go = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (row !== undefined) onCurrent?.(rowKey(row));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== place.current || !onCurrent) return;
    const page = Math.max(1, Math.floor((place.current.clientHeight - HEAD) / ROW) - 1);
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1 };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      go(move);
    }
  };

  return (
    <div
      className="grid"
      ref={place}
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={isRendered ? `${id}-${at}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup">
        <div className="grid-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template, minWidth }}>
          {columns.map((column) => (
            <div key={column.key} role="columnheader" className={column.align}>
              {column.title}
            </div>
          ))}
        </div>
      </div>
      {rows.length > 0 && (
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const row = rows[item.index] as T;
            const key = rowKey(row);
            const names = ["grid-row", props.rowClass?.(row), key === current && "current"].filter(Boolean).join(" ");
            return (
              <div
                key={key}
                id={`${id}-${item.index}`}
                className={names}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={key === current}
                style={{ gridTemplateColumns: template, minWidth, transform: `translateY(${item.start}px)` }}
                onClick={(event) => {
                  // a link in a row leads where it says
                  if (!(event.target as Element).closest("a, button")) onCurrent?.(key);
                }}
                onDoubleClick={() => onOpen?.(row)}
              >
                {columns.map((column) => (
                  <div key={column.key} role="gridcell" className={[column.align, column.className].filter(Boolean).join(" ")}>
                    {column.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      )}
      {props.foot && <div className="grid-more">{props.foot}</div>}
      {rows.length === 0 && props.empty}
    </div>
  );
}

/** The key of the row `step` away from the current one; the first row when there is none. */
/** `j` and `k` move the current row, Esc lets it go. */
export function useRowKeys<T>(rows: readonly T[], rowKey: (row: T) => string, current: string | null, onCurrent: (key: string | null) => void): void {
  useKeys({
    j: () => onCurrent(neighbour(rows, rowKey, current, 1)),
    k: () => onCurrent(neighbour(rows, rowKey, current, -1)),
    Escape: () => onCurrent(null),
  });
}

export function neighbour<T>(rows: readonly T[], rowKey: (row: T) => string, current: string | null, step: number): string | null {
  if (rows.length === 0) return null;
  const at = current ? rows.findIndex((row) => rowKey(row) === current) : -1;
  const next = at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + step));
  return rowKey(rows[next] as T);
}
