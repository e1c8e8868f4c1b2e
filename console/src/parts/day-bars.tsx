// Hits by day as bars that can be read one by one; days that were not counted are dotted.
import { day } from "../lib/time";
import { useWords } from "../words";
import { useHouse } from "./house";

interface Props {
  values: readonly number[];
  /** When each day began. */
  days: readonly number[];
  label: string;
  from?: number;
}

export function DayBars({ values, days, label, from = 0 }: Props) {
  const { n, language } = useWords();
  const { zone } = useHouse().me;
  const most = Math.max(1, ...values.slice(from));
  const shown = (at: number) => day(days[at] ?? Number.NaN, language, zone);
  return (
    <figure className="day-bars">
      <div role="img" aria-label={label}>
        {values.map((value, at) => (
          // a day has its place
          <i key={days[at]} className={at < from ? "unknown" : ""} title={at < from ? shown(at) : `${shown(at)}: ${n(value)}`}>
            <b style={{ height: at < from || value === 0 ? 0 : `${Math.max(4, (100 * value) / most)}%` }} />
          </i>
        ))}
      </div>
      {values.length > 0 && (
        <figcaption>
          <span>{shown(0)}</span>
          <span>{shown(values.length - 1)}</span>
        </figcaption>
      )}
    </figure>
  );
}
