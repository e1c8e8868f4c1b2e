// The mark: the three-tiered flag tower, a few strokes.
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" aria-hidden="true">
      <path d="M12 2v6M12 2l5 1.6L12 5.4M9 8h6v3H9zM6.5 11h11v4h-11zM3.5 15h17v6h-17z" />
    </svg>
  );
}
