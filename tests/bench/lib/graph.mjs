// CPU against endpoints as an SVG that reads on light and on dark pages: no library, no script, system fonts.
const SIZE = { width: 960, height: 470, left: 64, right: 282, top: 62, bottom: 58 };
const NAMES = { wall: "all live on the wall", tiles16: "16 live tiles", audio: "sound alone" };
// Told apart by colour and by mark.
const LOOKS = { wall: { mark: "circle" }, tiles16: { mark: "square" }, audio: { mark: "triangle" }, audiobridge: { mark: "cross" }, videoroom: { mark: "cross" } };
const GOALS = [{ endpoints: 201, cores: 1.2, text: "goal: 1.2, with 201 on the wall" }, { endpoints: 200, cores: 0.35, text: "goal: 0.35, 200 with sound alone" }];

const STYLE = `
  svg { --page: #ffffff; --ink: #1c2530; --quiet: #5b6775; --line: #dde3ea; --goal: #b3261e;
        --wall: #1f5fbf; --tiles16: #b3590a; --audio: #17795e; --audiobridge: #7a4fb5; --videoroom: #9a3f78; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #12171d; --ink: #e8edf3; --quiet: #a3b0be; --line: #2c3642; --goal: #ff8a80;
          --wall: #7fb2ff; --tiles16: #ffb066; --audio: #62d2ae; --audiobridge: #c5a3ff; --videoroom: #f09ccb; }
  }
  text { font: 13px system-ui, "Segoe UI", "Noto Sans", sans-serif; fill: var(--ink); }
  .quiet { fill: var(--quiet); font-size: 12px; }
  .title { font-size: 16px; font-weight: 600; }
  .grid { stroke: var(--line); stroke-width: 1; }
  .goal { stroke: var(--goal); stroke-width: 1.5; stroke-dasharray: 6 4; fill: none; }
  .goaltext { fill: var(--goal); font-size: 12px; stroke: var(--page); stroke-width: 4; paint-order: stroke; stroke-linejoin: round; }
  .page { fill: var(--page); }
  ${["wall", "tiles16", "audio", "audiobridge", "videoroom"].map((name) => `.${name} { stroke: var(--${name}); fill: none; stroke-width: 2.2; }
  .m-${name} { fill: var(--${name}); stroke: var(--page); stroke-width: 1.5; } .t-${name} { fill: var(--${name}); font-weight: 600; font-size: 12px; }`).join("\n  ")}
  .peer { stroke-width: 1.8; stroke-dasharray: 2 4; stroke-linecap: round; }
`;

const escape = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
const niceStep = (range, most) => [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 200, 250, 500].find((step) => range / step <= most) ?? range;

function mark(look, name, x, y) {
  const place = `transform="translate(${x.toFixed(1)} ${y.toFixed(1)})" class="m-${name}"`;
  if (look === "square") return `<rect x="-4.5" y="-4.5" width="9" height="9" ${place}/>`;
  if (look === "triangle") return `<path d="M0 -5.5 L5.2 4 L-5.2 4 Z" ${place}/>`;
  if (look === "cross") return `<path d="M-4.5 0 L0 -4.5 L4.5 0 L0 4.5 Z" ${place}/>`;
  return `<circle r="4.8" ${place}/>`;
}

/** The last run's points of a peer that it carried, by endpoints. */
function peerPoints(results, count) {
  const theirs = results.filter((p) => p.side === "janus" && (p.faults ?? []).length === 0);
  const run = theirs.at(-1)?.run ?? theirs.at(-1)?.date;
  return theirs.filter((p) => (p.run ?? p.date) === run).map((p) => ({ x: p[count], y: p.cores })).sort((a, b) => a.x - b.x);
}

/** points: of capacity.jsonl; peers: {audio, fanout}, what those benchmarks wrote. Returns the SVG's text. */
export function drawCapacity(points, peers) {
  const series = Object.keys(NAMES).map((name) => ({ name, text: NAMES[name], peer: false,
    points: points.filter((p) => p.shape === name).map((p) => ({ x: p.endpoints, y: p.cores, full: p.full })).sort((a, b) => a.x - b.x) }));
  series.push({ name: "audiobridge", text: "Janus AudioBridge", peer: true, points: peerPoints(peers.audio, "endpoints") },
    { name: "videoroom", text: "Janus VideoRoom, 1 sender", peer: true, points: peerPoints(peers.fanout, "receivers") });
  const drawn = series.filter((one) => one.points.length > 0), all = drawn.flatMap((one) => one.points);
  const xMax = Math.max(...all.map((p) => p.x), 210) * 1.02, yMax = Math.max(...all.map((p) => p.y), 1.25) * 1.06;
  const { width, height, left, right, top, bottom } = SIZE;
  const x = (value) => left + (value / xMax) * (width - left - right), y = (value) => height - bottom - (value / yMax) * (height - top - bottom);
  const first = points[0], parts = [];
  parts.push(`<rect class="page" width="${width}" height="${height}"/>`);
  parts.push(`<text class="title" x="${left}" y="26">CPU of bridge and signaling against endpoints</text>`);
  parts.push(`<text class="quiet" x="${left}" y="45">${escape(`${first.machine.cpus} × ${first.machine.cpu}; ${first.date.slice(0, 10)}; simulator on the same machine, not counted`)}</text>`);
  const stepY = niceStep(yMax, 9), stepX = niceStep(xMax, 9);
  for (let value = 0; value <= yMax; value += stepY) {
    parts.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/>`);
    parts.push(`<text class="quiet" x="${left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${Number(value.toFixed(2))}</text>`);
  }
  for (let value = 0; value <= xMax; value += stepX)
    parts.push(`<text class="quiet" x="${x(value).toFixed(1)}" y="${height - bottom + 18}" text-anchor="middle">${Math.round(value)}</text>`);
  parts.push(`<text class="quiet" x="${((left + width - right) / 2).toFixed(0)}" y="${height - 14}" text-anchor="middle">endpoints in one meeting</text>`);
  parts.push(`<text class="quiet" transform="translate(18 ${((top + height - bottom) / 2).toFixed(0)}) rotate(-90)" text-anchor="middle">cores (CPU seconds per second)</text>`);
  for (const goal of GOALS) {
    parts.push(`<path class="goal" d="M${left} ${y(goal.cores).toFixed(1)} H${x(goal.endpoints).toFixed(1)} v7"/>`);
    parts.push(`<text class="goaltext" x="${(x(goal.endpoints) + 7).toFixed(1)}" y="${(y(goal.cores) + 4).toFixed(1)}">${escape(goal.text)}</text>`);
  }
  for (const one of drawn) {
    const path = one.points.map((p, i) => `${i === 0 ? "M" : "L"}${x(p.x).toFixed(1)} ${y(p.y).toFixed(1)}`).join(" ");
    parts.push(`<path class="${one.name}${one.peer ? " peer" : ""}" d="${path}"/>`);
    for (const p of one.points) {
      parts.push(mark(LOOKS[one.name].mark, one.name, x(p.x), y(p.y)));
      if (p.full) parts.push(`<text class="quiet" x="${x(p.x).toFixed(1)}" y="${(y(p.y) - 10).toFixed(1)}" text-anchor="end">machine full</text>`);
    }
  }
  // The legend stands in the order of the lines' ends.
  [...drawn].sort((a, b) => b.points.at(-1).y / b.points.at(-1).x - a.points.at(-1).y / a.points.at(-1).x).forEach((one, i) => {
    const at = { x: width - right + 22, y: top + 14 + 24 * i };
    parts.push(`<path class="${one.name}${one.peer ? " peer" : ""}" d="M${at.x} ${at.y} h26"/>`, mark(LOOKS[one.name].mark, one.name, at.x + 13, at.y));
    parts.push(`<text class="t-${one.name}" x="${at.x + 34}" y="${at.y + 4}">${escape(one.text)}</text>`);
  });
  const described = drawn.map((one) => `${one.text}: ${one.points.map((p) => `${p.x} endpoints ${p.y.toFixed(2)} cores`).join(", ")}`).join(". ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>CPU of bridge and signaling against endpoints</title>
<desc>${escape(described)}</desc>
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}
