// The histogram: counts over time by uPlot; a range drawn over it, or chosen by its keys, becomes the range of the question.
import { useComputedColorScheme } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Schemas } from "../api/client";
import { clock, day, near } from "../lib/time";
import { useHouse } from "../parts/house";
import { useWords } from "../words";

const HEIGHT = 92;

/** Without `onZoom` the bars are those of the question before: dimmed, without their numbers, and no range is taken from them. */
export default function HuntChart({ histogram, onZoom }: { histogram: Schemas["Histogram"]; onZoom?: (from: number, to: number) => void }) {
  const { t, n, language } = useWords();
  const { zone } = useHouse().me;
  const scheme = useComputedColorScheme("light");
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [chosen, setChosen] = useState<{ of: Schemas["Histogram"]; anchor: number; at: number } | null>(null);
  const { bars, interval_seconds: seconds } = histogram;
  // a choice among the bars of another answer is none
  const range = onZoom && chosen?.of === histogram ? { first: Math.min(chosen.anchor, chosen.at), last: Math.max(chosen.anchor, chosen.at) } : null;
  const startOf = (index: number) => Date.parse(bars[index]?.at ?? "");
  const endOf = (index: number) => (index + 1 < bars.length ? startOf(index + 1) : startOf(index) + seconds * 1000);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const step = histogram.interval_seconds;
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line-soft"), width: 1 }, ticks: { show: false }, font: "11px 'Inter Variable', sans-serif", size: 22 };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
        padding: [6, 20, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: !!onZoom, y: false, setScale: false } },
        scales: { x: { range: (_, min, max) => [min, max + step] }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.08)] } },
        axes: [
          { ...axis, values: (_, marks) => marks.map((at) => (step >= 43_200 ? day(at * 1000, language, zone).slice(0, language === "vi" ? 5 : 10) : clock(at * 1000, zone).slice(0, step < 60 ? 8 : 5))) },
          { ...axis, size: 52, splits: (_, __, ___, max) => [0, Math.floor(max / 2), Math.floor(max)].filter((v, at, all) => all.indexOf(v) === at), values: (_, marks) => marks.map((value) => n(value)) },
        ],
        series: [{}, { fill: colour("--accent"), width: 0, paths: uPlot.paths.bars?.({ size: [0.82, 40], align: 1 }), points: { show: false } }],
        hooks: {
          setSelect: [
            (self) => {
              const { left, width } = self.select;
              if (width < 3 || !onZoom) return;
              onZoom(Math.floor(self.posToVal(left, "x")) * 1000, Math.ceil(self.posToVal(left + width, "x")) * 1000);
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
          setCursor: [
            (self) => {
              const at = self.cursor.idx;
              const bar = at === null || at === undefined ? null : histogram.bars[at];
              element.title = bar && onZoom ? `${day(Date.parse(bar.at), language, zone)} ${clock(Date.parse(bar.at), zone)}: ${n(bar.count)}` : "";
            },
          ],
        },
      },
      [histogram.bars.map((bar) => Date.parse(bar.at) / 1000), histogram.bars.map((bar) => bar.count)],
      element,
    );
    chart.current = plot;
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      chart.current = null;
      plot.destroy();
    };
  }, [histogram, onZoom, zone, language, n, scheme]);

  useEffect(() => {
    const plot = chart.current;
    if (!plot) return;
    const left = range ? plot.valToPos(startOf(range.first) / 1000, "x") : 0;
    const right = range ? plot.valToPos(endOf(range.last) / 1000, "x") : 0;
    plot.setSelect({ left, width: right - left, top: 0, height: range ? plot.over.clientHeight : 0 }, false);
  });

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey || bars.length === 0 || !onZoom) return;
    const now = chosen?.of === histogram ? chosen : null;
    const moves: Record<string, number> = { ArrowLeft: (now?.at ?? bars.length) - 1, ArrowRight: (now?.at ?? -1) + 1, Home: 0, End: bars.length - 1 };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      const at = Math.max(0, Math.min(bars.length - 1, move));
      setChosen({ of: histogram, at, anchor: event.shiftKey && now ? now.anchor : at });
    } else if (event.key === "Enter" && range) {
      event.preventDefault();
      onZoom(startOf(range.first), endOf(range.last));
    } else if (event.key === "Escape" && range) {
      event.preventDefault();
      setChosen(null);
    }
  };
  const count = range ? bars.slice(range.first, range.last + 1).reduce((sum, bar) => sum + bar.count, 0) : 0;
  const now = Date.now();
  const shown = (at: number) => near(at, now, language, zone);
  return (
    <div className={`chart-place${onZoom ? "" : " old"}`} tabIndex={0} role="application" aria-label={onZoom ? t("hunt.chart", { n: histogram.total }) : t("hunt.chart_old")} onKeyDown={onKeyDown} onBlur={() => setChosen(null)}>
      <div className="chart-plot" ref={place} />
      <span className="chart-said" role="status">
        {range && t("hunt.chart_range", { from: shown(startOf(range.first)), to: shown(endOf(range.last)), n: count })}
      </span>
    </div>
  );
}
