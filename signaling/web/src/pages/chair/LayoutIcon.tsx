// A layout as a small drawing: the same shapes as on the screen, in 32x18.
import type { JSX } from "preact";
import type { Layout } from "../../core/protocol";

type Box = readonly [x: number, y: number, width: number, height: number];

const around = (n: number): Box[] => {
  // One large in the corner, the small ones to the right and below, on a grid of n x n.
  const boxes: Box[] = [[0, 0, (32 * (n - 1)) / n, (18 * (n - 1)) / n]];
  for (let i = 0; i < n; i++) boxes.push([(32 * (n - 1)) / n, (18 * i) / n, 32 / n, 18 / n]);
  for (let i = 0; i < n - 1; i++) boxes.push([(32 * i) / n, (18 * (n - 1)) / n, 32 / n, 18 / n]);
  return boxes;
};

const row = (n: number, y: number, height: number): Box[] =>
  Array.from({ length: n }, (_, i) => [(32 * i) / n, y, 32 / n, height] as const);

const grid = (n: number): Box[] => Array.from({ length: n }, (_, i) => row(n, (18 * i) / n, 18 / n)).flat();

const BOXES: Record<Layout, readonly Box[]> = {
  full: [[0, 0, 32, 18]],
  "1+1": [
    [0, 4.5, 16, 9],
    [16, 4.5, 16, 9],
  ],
  "1+5": around(3),
  "1+7": around(4),
  "1+12": [
    [8, 4.5, 16, 9],
    ...row(4, 0, 4.5),
    ...row(4, 13.5, 4.5),
    [0, 4.5, 8, 4.5],
    [0, 9, 8, 4.5],
    [24, 4.5, 8, 4.5],
    [24, 9, 8, 4.5],
  ],
  "1+20": [
    [6.4, 3.6, 19.2, 10.8],
    ...row(5, 0, 3.6),
    ...row(5, 14.4, 3.6),
    ...[3.6, 7.2, 10.8].flatMap((y): Box[] => [
      [0, y, 6.4, 3.6],
      [25.6, y, 6.4, 3.6],
    ]),
  ],
  grid: grid(3),
  lecture: [[0, 0, 24, 13.5], [24, 0, 8, 4.5], ...row(4, 13.5, 4.5)],
};

const GAP = 0.5;

export const LayoutIcon = ({ layout }: { layout: Layout }): JSX.Element => (
  <svg class="layout-icon" viewBox="0 0 32 18" aria-hidden="true">
    {BOXES[layout].map(([x, y, width, height], index) => (
      <rect
        key={index}
        x={x + GAP}
        y={y + GAP}
        width={width - 2 * GAP}
        height={height - 2 * GAP}
        rx="0.8"
        class={index === 0 ? "first" : ""}
      />
    ))}
  </svg>
);
