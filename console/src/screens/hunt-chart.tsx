// The histogram: counts over time by uPlot; a range that is drawn over it becomes the range of the question.
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Schemas } from "../api/client";
import { clock, day } from "../lib/time";
import { useHouse } from "../parts/house";
import { useWords } from "../words";

const HEIGHT = 92;

export default function HuntChart({ histogram, onZoom }: { histogram: Schemas["Histogram"]; onZoom: (from: number, to: number) => void }) {
  const { t, n, language } = useWords();
  const { zone } = useHouse().me;
  const scheme = useComputedColorScheme("light");
  const place = useRef<HTMLDivElement>(null);

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
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
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
              if (width < 3) return;
              onZoom(self.posToVal(left, "x") * 1000, self.posToVal(left + width, "x") * 1000);
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
          setCursor: [
            (self) => {
              const at = self.cursor.idx;
              const bar = at === null || at === undefined ? null : histogram.bars[at];
              element.title = bar ? `${day(Date.parse(bar.at), language, zone)} ${clock(Date.parse(bar.at), zone)}: ${n(bar.count)}` : "";
            },
          ],
        },
      },
      [histogram.bars.map((bar) => Date.parse(bar.at) / 1000), histogram.bars.map((bar) => bar.count)],
      element,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [histogram, onZoom, zone, language, n, scheme]);

  return <div className="chart-place" ref={place} role="img" aria-label={t("hunt.chart", { n: histogram.total })} />;
}
