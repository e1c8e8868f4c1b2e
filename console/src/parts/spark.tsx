// A row of small bars: raws by hour, oldest first.
export function Spark({ values, label }: { values: readonly number[]; label: string }) {
  const most = Math.max(1, ...values);
  return (
    <svg className="spark" width={values.length * 5} height="18" role="img" aria-label={label}>
      {values.map((value, at) => {
        const height = value === 0 ? 0 : Math.max(1.5, (value / most) * 17);
        // the place of an hour is its name
        return <rect key={at} x={at * 5} y={18 - height} width="4" height={height} fill="currentColor" />;
      })}
    </svg>
  );
}
