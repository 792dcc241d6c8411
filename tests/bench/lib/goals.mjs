// The table of goals: what a run measured, the peer's figure beside it, met or not. Results are those of one run where it
// measured the thing at all, else the newest there are, and then the row says when.
//   make bench-table          WRITE=1 puts the table and the graph into docs/performance.md
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resultsPage } from "./page.mjs";
import { out, results } from "./stage.mjs";

const PAGE = "docs/performance.md", GRAPH = "docs/img/capacity.svg";

/** The points of the run asked for, or of the newest one; results of other runs never mix. */
function latest(bench, run, good = () => true) {
  const all = results(bench).filter((p) => p.run !== undefined && good(p));
  const mine = run === undefined ? [] : all.filter((p) => p.run === run);
  if (mine.length > 0) return mine;
  const newest = all.reduce((best, p) => (p.date > best.date ? p : best), { date: "" });
  return all.filter((p) => p.run === newest.run);
}

const NOT_MEASURED = { measured: "not measured", peer: "", met: null };
const cores = (value) => `${value.toFixed(2)} cores`;
const percent = (value) => `${Number(value.toPrecision(2))} %`;
const seconds = (ms) => (ms === 0 ? "0" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const largest = (points) => points.reduce((best, p) => (best === undefined || p.endpoints > best.endpoints ? p : best), undefined);

function wall({ capacity }) {
  const p = capacity.find((one) => one.shape === "wall" && one.endpoints === 201 && !one.fit);
  if (p === undefined) return NOT_MEASURED;
  const whole = p.audio_gaps === 0 && p.frames_lost === 0;
  return { measured: `${cores(p.cores)}; ${p.audio_gaps} gaps, ${p.frames_lost} frames lost; wall ${p.wall_fps_median} fps, program ${p.fps_median} fps (5 %: ${p.wall_fps_p5}, ${p.fps_p5})`,
    peer: "", met: p.cores <= 1.2 && whole && p.wall_fps_median >= 8 && p.fps_median >= 24 && p.faults.length === 0, points: [p],
    note: p.full ? "the machine was full: gaps say nothing of the server" : "" };
}

function listener({ capacity, audio }) {
  const line = capacity.find((one) => one.fit && one.shape === "tiles16");
  if (line === undefined) return NOT_MEASURED;
  const theirs = audio.filter((p) => p.side === "janus" && p.faults.length === 0);
  const best = largest(theirs);
  return { measured: `${percent(line.marginal_core_percent)} of a core; ${line.marginal_mb.toFixed(2)} MB`,
    peer: best ? `AudioBridge, sound alone: ${percent(100 * best.cores / best.endpoints)}` : "", points: [line],
    met: line.endpoints.length < 3 ? null : line.marginal_core_percent <= 0.14 && line.marginal_mb <= 3, note: line.endpoints.length < 3 ? "too few points to judge" : "" };
}

function sound({ audio }) {
  const ours = audio.find((p) => p.side === "diemcau" && p.endpoints === 200);
  if (ours === undefined) return NOT_MEASURED;
  const theirs = audio.filter((p) => p.side === "janus"), carried = largest(theirs.filter((p) => p.faults.length === 0)), stopped = theirs.find((p) => p.faults.length > 0);
  return { measured: cores(ours.cores), met: ours.cores <= 0.35 && ours.faults.length === 0, points: [ours], note: ours.faults.join("; "),
    peer: carried ? `AudioBridge: ${cores(carried.cores)} at ${carried.endpoints}${stopped ? `, stopped at ${stopped.endpoints}` : ""}` : "" };
}

function packet({ fanout }) {
  const ours = largest(fanout.filter((p) => p.side === "diemcau" && p.ratio !== null));
  if (ours === undefined) return NOT_MEASURED;
  const theirs = fanout.find((p) => p.side === "janus" && p.endpoints === ours.endpoints);
  return { measured: `${ours.ratio.toFixed(2)} with all our codecs counted (${ours.cpu_us_per_packet.toFixed(1)} µs), ${ours.ratio_without_codecs.toFixed(2)} forwarding alone (${ours.cpu_us_per_packet_without_codecs.toFixed(1)} µs)`,
    peer: `VideoRoom: ${theirs.cpu_us_per_packet.toFixed(1)} µs, ${ours.receivers} receivers`, met: ours.ratio <= 0.5, points: [ours, theirs], note: [...ours.faults, ...theirs.faults].join("; ") };
}

function participant({ audio }) {
  const ours = largest(audio.filter((p) => p.side === "diemcau" && p.ratio !== null && audio.some((q) => q.side === "janus" && q.endpoints === p.endpoints && q.faults.length === 0)));
  if (ours === undefined) return NOT_MEASURED;
  const theirs = audio.find((p) => p.side === "janus" && p.endpoints === ours.endpoints);
  return { measured: `${ours.ratio.toFixed(3)} at ${ours.endpoints} (${percent(100 * ours.cores / ours.endpoints)} of a core each)`,
    peer: `AudioBridge: ${percent(100 * theirs.cores / theirs.endpoints)} of a core each`, met: ours.ratio <= 0.1, points: [ours, theirs] };
}

function delay({ delay: points }) {
  const most = Math.max(...points.map((p) => p.endpoints)), at = (shape) => points.find((p) => p.shape === shape && p.endpoints === most);
  const voice = at("voice, added"), picture = at("picture, added"), skew = at("sound ahead, by sender reports"), raw = at("sound ahead, by arrival");
  if (!voice || !picture || !skew || !raw) return NOT_MEASURED;
  const inside = (p) => p.p5_ms >= -125 && p.p95_ms <= 45, range = (p) => `${Math.round(p.p5_ms)} to ${Math.round(p.p95_ms)} ms`;
  return { measured: `${Math.round(voice.p95_ms)} / ${Math.round(picture.p95_ms)} ms with ${most} rooms; sound ahead ${range(skew)} as played, ${range(raw)} as it arrives`,
    peer: "", met: voice.p95_ms <= 60 && picture.p95_ms <= 120 && inside(skew) && inside(raw), points: [voice, picture] };
}

function join200({ join: points }) {
  const picture = points.find((p) => p.shape === "join to first picture");
  if (picture === undefined) return NOT_MEASURED;
  return { measured: `${seconds(picture.p95_ms)} with ${picture.endpoints} rooms (slowest ${seconds(picture.max_ms)}); ${picture.keyframes} keyframes forced`, peer: "", met: picture.p95_ms <= 1500 && picture.endpoints >= 200, points: [picture] };
}

const recovered = (points, shape) => Object.fromEntries(["picture", "voice", "control"].map((what) => [what, points.find((p) => p.shape === `${shape}: ${what} back`)]));

function line({ recover }) {
  const { picture, voice, control } = recovered(recover, "line");
  if (!control) return NOT_MEASURED;
  return { measured: `in its seat after ${seconds(control.p95_ms)} (slowest ${seconds(control.max_ms)}), sound ${seconds(voice.p95_ms)}, picture ${seconds(picture.p95_ms)}; ${control.ghosts} ghosts`, peer: "",
    met: control.max_ms <= 3000 && control.ghosts === 0 && control.not_back === 0, points: [control] };
}

function killed({ recover }) {
  const bridge = recovered(recover, "bridge"), signaling = recovered(recover, "signaling");
  if (!bridge.control || !signaling.control) return NOT_MEASURED;
  const media = Math.max(bridge.picture.max_ms, bridge.voice.max_ms), stopped = Math.max(signaling.picture.max_ms, signaling.voice.max_ms), lost = bridge.control.events_lost + signaling.control.events_lost;
  return { measured: `all again after ${seconds(media)}; media ${stopped === 0 ? "never stops" : `stopped for ${seconds(stopped)}`}, control back after ${seconds(signaling.control.max_ms)}; ${lost} events lost`, peer: "",
    met: media <= 3000 && stopped === 0 && signaling.control.max_ms <= 2000 && lost === 0 && bridge.control.not_back + signaling.control.not_back === 0, points: [bridge.control] };
}

function weak({ weak: points }) {
  if (points.length === 0) return NOT_MEASURED;
  const changed = points.filter((p) => !p.others_unchanged), names = (some) => some.map((p) => p.shape).join("; ");
  return { measured: changed.length === 0 ? `${points[0].endpoints - 1} others: nothing changed for them in ${points.length} of ${points.length} cases (${names(points)})` : `changed with ${names(changed)}`, peer: "", met: changed.length === 0, points,
    note: changed.some((p) => p.others?.machine_busy > 0.9) ? "the machine was full" : "" };
}

const GOALS = [
  ["201 endpoints, all live on the wall (1080p), program 720p25 and sound to all", "at most 1.2 cores, no gap, no lost frame, wall at least 8 fps", wall],
  ["one more listening endpoint (program and sound)", "at most 0.14 % of a core, 3 MB", listener],
  ["sound: 200 endpoints, 4 talking", "at most 0.35 cores", sound],
  ["a forwarded packet, against Janus VideoRoom", "at most 0.5 of its CPU", packet],
  ["a participant with sound, against Janus AudioBridge", "at most 0.1 of its CPU", participant],
  ["delay added by the bridge, p95: voice / picture; voice against picture", "60 / 120 ms; -125 to +45 ms", delay],
  ["200 endpoints join at once: to the first picture, p95", "1.5 s", join200],
  ["a room after a line cut of 10 s", "in its seat in 3 s, no ghost", line],
  ["bridge killed: all have media again; signaling killed: media never stops, control back", "3 s; 2 s; no event lost", killed],
  ["a room with 30 % loss or 50 kbit/s", "nobody else's picture or voice changes", weak],
];

function load(run) {
  const shapes = (shape) => latest("capacity", run, (p) => p.shape === shape);
  return { capacity: ["wall", "tiles16", "audio"].flatMap(shapes), ...Object.fromEntries(["audio", "fanout", "delay", "join", "recover", "weak"].map((bench) => [bench, latest(bench, run)])) };
}

export function goalRows(run) {
  const data = load(run);
  return GOALS.map(([what, goal, judge]) => {
    let row;
    try {
      row = judge(data);
    } catch (error) {
      row = { ...NOT_MEASURED, note: `the results cannot be read: ${error.message}` };
    }
    const other = row.points?.find((p) => run !== undefined && p.run !== run), quick = row.points?.some((p) => p.quick);
    const remarks = [row.note, other ? `measured ${other.date.slice(0, 16).replace("T", " ")}` : "", quick ? "short windows" : ""].filter(Boolean);
    return { what, goal, measured: row.measured, peer: row.peer, met: row.met, remarks: remarks.join("; ") };
  });
}

const word = (met) => (met === null ? "?" : met ? "yes" : "no");

export function printGoals(rows) {
  console.log("\nGoals");
  for (const row of rows) {
    console.log(`  [${word(row.met).padEnd(3)}] ${row.what}`);
    console.log(`        goal      ${row.goal}`);
    console.log(`        measured  ${row.measured}${row.remarks ? ` (${row.remarks})` : ""}`);
    if (row.peer) console.log(`        peer      ${row.peer}`);
  }
  console.log(`  met: ${rows.filter((row) => row.met).length} of ${rows.length}`);
}

/** The page with what stands between its marks for `name` replaced. */
export function replaceMarked(page, name, text) {
  const begin = `<!-- ${name}: begin -->`, from = page.indexOf(begin), to = page.indexOf(`<!-- ${name}: end -->`);
  if (from < 0 || to < from) throw new Error(`the page has no place for ${name}`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

/** Puts the table of goals, all results and the graph into the page. */
export function writeGoals(rows, run) {
  const newest = latest("capacity", run).at(-1);
  const about = newest ? `${newest.date.slice(0, 16).replace("T", " ")} UTC, ${newest.versions.diemcau} ${newest.versions.commit}, ${newest.machine.cpus} x ${newest.machine.cpu}, Linux ${newest.machine.kernel}${newest.quick ? ", short windows" : ""}.` : "";
  const lines = rows.map((row) => `| ${row.what} | ${row.goal} | ${row.measured}${row.remarks ? ` (${row.remarks})` : ""} | ${row.peer} | ${row.met === null ? "?" : row.met ? "yes" : "**no**"} |`);
  const goals = `${about}\n\n| what | goal | measured | the peer, same run | met |\n| --- | --- | --- | --- | --- |\n${lines.join("\n")}`;
  let page = replaceMarked(readFileSync(PAGE, "utf8"), "goals", goals);
  page = replaceMarked(page, "results", resultsPage(load(run)));
  const graph = join(out, "capacity.svg");
  if (existsSync(graph)) {
    mkdirSync("docs/img", { recursive: true });
    copyFileSync(graph, GRAPH);
    page = replaceMarked(page, "graph", "![CPU of bridge and signaling against endpoints](img/capacity.svg)");
  }
  writeFileSync(PAGE, page);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const newest = results("capacity").at(-1) ?? results("audio").at(-1), run = process.env.BENCH_RUN ?? newest?.run;
  const rows = goalRows(run);
  printGoals(rows);
  if (process.env.WRITE === "1") writeGoals(rows, run);
}
