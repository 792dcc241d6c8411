// Least squares: what one more endpoint costs, and how well a straight line says it.
export function fit(points) {
  const n = points.length;
  if (n < 2) return null;
  const mean = (pick) => points.reduce((sum, point) => sum + pick(point), 0) / n;
  const x = mean((p) => p.x), y = mean((p) => p.y);
  const spread = points.reduce((sum, p) => sum + (p.x - x) ** 2, 0);
  if (spread === 0) return null;
  const slope = points.reduce((sum, p) => sum + (p.x - x) * (p.y - y), 0) / spread, base = y - slope * x;
  const left = points.map((p) => p.y - (base + slope * p.x));
  // With two points the line goes through both: nothing is left to judge it by.
  const residual = n > 2 ? Math.sqrt(left.reduce((sum, value) => sum + value ** 2, 0) / (n - 2)) : null;
  return { slope, base, residual, worst: Math.max(...left.map(Math.abs)), n };
}
