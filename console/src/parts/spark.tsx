// A row of small bars, oldest first: raws by hour, hits by day. What was not counted is a dotted line, no zero.
interface Props {
  values: readonly number[];
  label: string;
  /** Pixels of a bar and the gap behind it. */
  step?: number;
  /** The first of the values that was counted. */
  from?: number;
}

export function Spark({ values, label, step = 5, from = 0 }: Props) {
  const most = Math.max(1, ...values.slice(from));
  return (
    <svg className="spark" width={values.length * step} height="18" role="img" aria-label={label}>
      <title>{label}</title>
      {from > 0 && <line x1="0" x2={from * step - 1} y1="17.5" y2="17.5" stroke="var(--line)" strokeDasharray="2 2" />}
      {values.map((value, at) => {
        const height = value === 0 ? 0 : Math.max(1.5, (value / most) * 17);
        // the place of an hour is its name
        return at < from ? null : <rect key={at} x={at * step} y={18 - height} width={step - 1} height={height} fill="currentColor" />;
      })}
    </svg>
  );
}
