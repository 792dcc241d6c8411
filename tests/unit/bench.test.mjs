// What the benchmarks reckon with: lines through points, percentiles from steps, and goals judged by results.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "diemcau-bench-test-"));
process.env.OUT = folder;
after(() => rmSync(folder, { recursive: true, force: true }));
const { fit } = await import("../bench/lib/fit.mjs");
const { drawCapacity } = await import("../bench/lib/graph.mjs");
const { goalRows } = await import("../bench/lib/goals.mjs");
const { lateness, readLateness, readLoad } = await import("../bench/lib/lateness.mjs");
const { writeRoster } = await import("../bench/lib/roster.mjs");
const { coresByGroup } = await import("../bench/lib/usage.mjs");

test("a line through points on a line leaves nothing", () => {
  const line = fit([25, 50, 100, 201].map((x) => ({ x, y: 0.25 + 0.001 * x })));
  assert.ok(Math.abs(line.slope - 0.001) < 1e-12 && Math.abs(line.base - 0.25) < 1e-12 && line.residual < 1e-12);
});

test("a point beside the line is told by the residual", () => {
  const line = fit([{ x: 0, y: 0 }, { x: 1, y: 2 }, { x: 2, y: 2 }]);
  assert.equal(line.slope, 1);
  assert.ok(Math.abs(line.residual - Math.sqrt(2 / 3)) < 1e-9 && line.worst > 0.6);
});

test("too few points make no line", () => {
  for (const points of [[], [{ x: 1, y: 1 }], [{ x: 1, y: 1 }, { x: 1, y: 2 }]]) assert.equal(fit(points), null);
  assert.equal(fit([{ x: 1, y: 1 }, { x: 2, y: 2 }]).residual, null);
});

const metrics = (audio, load = "") => Object.entries(audio).map(([step, n]) => `# TYPE x untyped\ndiemcau_bridge_audio_lateness_us_${step} ${n}`).join("\n") + load;

test("lateness is that of the time between two readings", () => {
  const before = readLateness(metrics({ to_100: 1000, to_200: 0, more: 5 })), now = readLateness(metrics({ to_100: 1090, to_200: 9, more: 6 }));
  const { audio, canvas } = lateness(before, now);
  assert.equal(audio.ticks, 100);
  assert.ok(audio.p50_ms > 0 && audio.p50_ms <= 0.1, `p50 ${audio.p50_ms}`);
  assert.ok(audio.p95_ms > 0.1 && audio.p95_ms <= 0.2, `p95 ${audio.p95_ms}`);
  assert.equal(canvas.p50_ms, null, "no canvas ran");
});

test("the overload step and its reason are read", () => {
  assert.deepEqual(readLoad('diemcau_bridge_load_level 2\ndiemcau_bridge_load_why{why="late"} 1\n'), { level: 2, why: "late" });
  assert.equal(readLoad(""), null);
});

test("threads belong to groups, and none is lost", () => {
  const groups = coresByGroup({ worker: 0.2, audio: 0.1, "encoderfeed": 0.3, decode: 0.05, canvas: 0.04, "diemcau-bridge": 0.01, log: 0.01 });
  assert.deepEqual(groups, { workers: 0.2, audio: 0.1, canvas: 0.04, encode: 0.3, decode: 0.05, control: 0.02 });
});

test("a roster has as many rooms as asked for, each once", () => {
  for (const rooms of [25, 201, 400]) {
    const path = join(folder, "rooms.csv");
    writeRoster(path, rooms);
    const codes = readFileSync(path, "utf8").trim().split("\n").slice(1).map((row) => row.split(",")[0]);
    assert.equal(codes.length, rooms);
    assert.equal(new Set(codes).size, rooms);
  }
});

const common = { run: "r", date: "2026-11-22T01:00:00Z", machine: { cpus: 2, cpu: "a & b", kernel: "6" }, versions: { diemcau: "1", commit: "c" }, faults: [] };
const wall = { ...common, bench: "capacity", shape: "wall", endpoints: 201, cores: 0.9, audio_gaps: 0, frames_lost: 0, wall_fps_median: 8, wall_fps_p5: 8, fps_median: 25, fps_p5: 25 };
const write = (bench, points) => writeFileSync(join(folder, `${bench}.jsonl`), points.map((p) => `${JSON.stringify(p)}\n`).join(""));
const row = (words, run = "r") => goalRows(run).find((one) => one.what.includes(words));

test("what was not measured is neither met nor missed", () => {
  assert.equal(goalRows("r").every((one) => one.met === null && one.measured === "not measured"), true);
});

for (const [what, change, met] of [["all well", {}, true], ["too dear", { cores: 1.21 }, false], ["one gap", { audio_gaps: 1 }, false], ["a lost frame", { frames_lost: 1 }, false],
  ["a slow wall", { wall_fps_median: 6 }, false], ["a room that never came", { faults: ["1 rooms are not connected"] }, false]])
  test(`the wall: ${what}`, () => {
    write("capacity", [{ ...wall, ...change }]);
    assert.equal(row("201 endpoints").met, met);
  });

test("results of another run are used only where this one has none, and then it is said", () => {
  write("capacity", [{ ...wall, cores: 1.5, run: "old", date: "2026-11-21T01:00:00Z" }]);
  assert.match(row("201 endpoints").remarks, /measured 2026-11-21 01:00/);
  write("capacity", [{ ...wall, cores: 1.5, run: "old", date: "2026-11-21T01:00:00Z" }, wall]);
  assert.equal(row("201 endpoints").met, true);
  assert.equal(row("201 endpoints").remarks, "");
});

const participant = (side, endpoints, cores, more = {}) => ({ ...common, bench: "audio", shape: "audio", side, endpoints, cores, ratio: side === "diemcau" ? cores / (0.0105 * endpoints) : null, ...more });
test("sound is compared where both carried it", () => {
  write("audio", [participant("janus", 150, 1.575), participant("janus", 200, 1.9, { faults: ["full"] }), participant("diemcau", 150, 0.15), participant("diemcau", 200, 0.2)]);
  const each = row("against Janus AudioBridge"), all = row("200 endpoints, 4 talking");
  assert.match(each.measured, /^0\.095 at 150/);
  assert.equal(each.met, true);
  assert.match(all.peer, /1\.57 cores at 150, stopped at 200/);
  assert.equal(all.met, true);
});

const back = (shape, max_ms, more = {}) => ({ ...common, bench: "recover", shape, endpoints: 200, p95_ms: max_ms, max_ms, events_lost: 0, not_back: 0, ghosts: 0, ...more });
for (const [what, points, met] of [["media stays", [0, 0], true], ["media stops", [0, 400], false]])
  test(`signaling killed: ${what}`, () => {
    write("recover", [back("bridge: picture back", 800), back("bridge: voice back", 700), back("bridge: control back", 0),
      back("signaling: picture back", points[0]), back("signaling: voice back", points[1]), back("signaling: control back", 400)]);
    assert.equal(row("bridge killed").met, met);
  });

test("one changed neighbour misses the goal, and is named", () => {
  const one = (shape, others_unchanged) => ({ ...common, bench: "weak", shape, endpoints: 21, others_unchanged, others: { machine_busy: 0.4 } });
  write("weak", [one("loss 30 %", true)]);
  assert.equal(row("30 % loss").met, true);
  write("weak", [one("loss 30 %", true), one("50 kbit/s", false)]);
  assert.equal(row("30 % loss").met, false);
  assert.match(row("30 % loss").measured, /^changed with 50 kbit\/s$/);
});

test("the graph is an image of its own: every series, the goals, both schemes, nothing from elsewhere", () => {
  const svg = drawCapacity([wall, { ...wall, endpoints: 400, cores: 1.6, full: true }, { ...wall, shape: "audio", cores: 0.2 }],
    { audio: [participant("janus", 50, 0.5), participant("janus", 100, 1.05)], fanout: [] });
  for (const words of ["all live on the wall", "sound alone", "Janus AudioBridge", "goal: 1.2", "machine full", "prefers-color-scheme: dark", "endpoints in one meeting", "a &amp; b"])
    assert.ok(svg.includes(words), words);
  assert.ok(!svg.includes("16 live tiles"), "a series that was not measured");
  assert.ok(!/NaN|Infinity|undefined|href|<script/.test(svg));
});
