// One meeting, larger and larger: what bridge and signaling cost, until the machine is full.
//   make bench-capacity           SHAPES="wall tiles16 audio" ENDPOINTS="25 50 100 201 400 800" SECONDS_RUN=15 as variables
// wall: every room is live on the wall, which one console watches, and the program (1+7, 1280x720 at 25 fps) goes to all;
// tiles16: no wall, the program is a grid of 4 x 4 live rooms and goes to all; audio: sound alone, four talk in turns.
// The roster has exactly as many rooms as take part. A shape ends where the machine was more than 90 % busy: beyond that
// simulator and server take the processor from each other, and gaps say nothing of the server. Server and simulator share
// this machine; each process is measured on its own, so the goals' figure is "cores", the sum of bridge and signaling.
import { writeFileSync, mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fit } from "./lib/fit.mjs";
import { drawCapacity } from "./lib/graph.mjs";
import { lateness, readLateness, readLoad } from "./lib/lateness.mjs";
import { about, append, main, number, out, Product, quick, results, sleep, table, usage } from "./lib/stage.mjs";
import { coresByGroup, coresByThread, machineBusy, machineTimes, threadTimes } from "./lib/usage.mjs";

const FULL = 0.9, TICK_S = 5; // the bridge tells its numbers every 5 s
const counts = (process.env.ENDPOINTS ?? "25 50 100 201 400 800").split(" ").map(Number);
const shapes = (process.env.SHAPES ?? "wall tiles16 audio").split(" ");
const seconds = number("SECONDS_RUN", 15, 8);
const settle_s = number("SETTLE_S", 5, 4);

// Up to about 90 rooms the wall's tiles are so large that cameras send their larger picture: another line than from there on.
const SHAPES = {
  wall: { args: [], console: "wall", layout: "1+7", lineFrom: 100 },
  tiles16: { args: [], console: "none", layout: "4x4" },
  audio: { args: ["--no-picture"] },
};

// What a larger meeting than the defaults foresee has to be allowed.
const settings = (endpoints) => (endpoints <= 250 ? [] : [`meeting.seats_max=${endpoints + 8}`, `media.legs_max=${endpoints + 50}`]);

async function measure(shape, endpoints) {
  const { args, console: view, layout } = SHAPES[shape];
  const product = await Product.start(settings(endpoints), endpoints);
  try {
    const bridge = product.child("bridge");
    const sim = product.simulate(["--all", "--shape", shape, "--window", String(seconds), "--settle", String(settle_s),
      "--join-over", String(Math.max(1000, 10 * endpoints)), "--sample", "1", "--talk", "4:6", ...product.watch(), ...args,
      ...(view ? ["--console", await product.login(), "--console-view", view, "--layout", layout] : [])]);
    await sim.measuring();
    const before = { at: performance.now(), threads: threadTimes(bridge), machine: machineTimes(), late: readLateness(await product.metrics()) };
    await sleep((seconds - 0.5) * 1000);
    const elapsed = (performance.now() - before.at) / 1000, threads = coresByThread(before.threads, threadTimes(bridge), elapsed);
    const machine = machineBusy(before.machine, machineTimes()), during = readLoad(await product.metrics());
    const totals = await sim.finish();
    await sleep(Math.min(TICK_S, seconds / 2) * 1000); // the bridge's numbers of the window have come then
    const metrics = await product.metrics();
    return point(shape, endpoints, { totals, threads, machine, late: lateness(before.late, readLateness(metrics)), load: during ?? readLoad(metrics) });
  } finally {
    await product.end();
  }
}

function point(shape, endpoints, { totals, threads, machine, late, load }) {
  const { p50_ms, p95_ms, p99_ms } = late.audio;
  const common = usage(totals), faults = [];
  // Work that begins with the kernel's tick and ends before the next one is not in /proc/stat; what we know of is the least.
  machine.cores = Math.max(machine.cores, common.cores + common.sim_cores);
  machine.busy = Number((machine.cores / cpus().length).toFixed(3));
  if (totals.live < endpoints) faults.push(`${endpoints - totals.live} rooms are not connected`);
  if (totals.watching < endpoints) faults.push(`${endpoints - totals.watching} rooms have no media`);
  if (shape === "wall" && !totals.console_served) faults.push("nobody sees the wall");
  if (totals.sim_overflowed > 0) faults.push(`the simulator was too slow for ${totals.sim_overflowed} packets`);
  return {
    shape, endpoints, ...common, p50_ms, p95_ms, p99_ms, machine_busy: machine.busy, full: machine.busy > FULL,
    others_cores: Math.max(0, Number((machine.cores - common.cores - common.sim_cores).toFixed(3))),
    wall_fps_median: totals.console_fps_median ?? null, wall_fps_p5: totals.console_fps_p5 ?? null,
    frames_lost: totals.frames_broken + (totals.console_frames_broken ?? 0), pause_ms_max: totals.pause_ms_max,
    groups: { ...coresByGroup(threads), signaling: common.signaling_cores }, threads_cores: threads, lateness_ms: late, load, faults, totals,
    settings: { seconds, settle_s, talk: "4:6", ice: "fast", layout: SHAPES[shape].layout ?? null, sets: settings(endpoints), program: shape === "audio" ? null : "1280x720@25" },
    ...about(),
  };
}

// ---- what is printed

const ms = (late) => [late.p50_ms, late.p95_ms, late.p99_ms].map((value) => value ?? "-").join("/");

function show(shape, points) {
  const { machine, versions } = points[0];
  console.log(`\ncapacity, ${shape}: windows of ${seconds} s on ${machine.cpus} x ${machine.cpu}, ${versions.diemcau} ${versions.commit}`);
  const pictures = shape !== "audio", wall = shape === "wall";
  console.log(table([["endpoints", "cores", "bridge", "signaling", "sim", "machine", "MB", "threads", "fds", "pps in", "pps out", "gaps",
    ...(pictures ? ["fps", "p5", "lost"] : []), ...(wall ? ["wall", "p5"] : []), "remark"],
  ...points.map((p) => [p.endpoints, p.cores.toFixed(3), p.bridge_cores.toFixed(3), p.signaling_cores.toFixed(3), p.sim_cores.toFixed(3), `${Math.round(100 * p.machine_busy)} %`,
    Math.round(p.rss_mb), p.threads, p.fds, p.pps_in, p.pps_out, p.audio_gaps, ...(pictures ? [p.fps_median, p.fps_p5, p.frames_lost] : []),
    ...(wall ? [p.wall_fps_median, p.wall_fps_p5] : []), [p.full ? "the machine is full" : "", p.others_cores > 0.15 ? `others took ${p.others_cores}` : "", p.load?.level > 0 ? `overload step ${p.load.level}` : "", ...p.faults].filter(Boolean).join("; ")])]));
  console.log("  cores by group of threads, and how late ticks were (p50/p95/p99 ms)");
  const groups = Object.keys(points[0].groups);
  console.log(table([["endpoints", ...groups, "sound ticks", "canvas ticks"],
    ...points.map((p) => [p.endpoints, ...groups.map((group) => p.groups[group].toFixed(3)), ms(p.lateness_ms.audio), pictures ? ms(p.lateness_ms.canvas) : "-"])]));
  const full = points.find((p) => p.full);
  if (full) console.log(`  stopped at ${full.endpoints}: the machine was ${Math.round(100 * full.machine_busy)} % busy`);
}

// Only where the machine had room; a full one measures itself.
function marginal(shape, points) {
  const from = SHAPES[shape].lineFrom ?? 0;
  const good = points.filter((p) => !p.full && p.faults.length === 0 && p.endpoints >= from);
  const line = (pick) => fit(good.map((p) => ({ x: p.endpoints, y: pick(p) })));
  const cores = line((p) => p.cores), memory = line((p) => p.rss_mb);
  if (cores === null) return;
  const packet_us = line((p) => p.cores - p.groups.encode - p.groups.decode - p.groups.canvas - p.groups.audio);
  const rounded = (value, digits) => (value === null ? null : Number(value.toFixed(digits)));
  const result = { shape, fit: true, endpoints: good.map((p) => p.endpoints), marginal_core_percent: rounded(100 * cores.slope, 4), base_cores: rounded(cores.base, 3),
    residual_cores: rounded(cores.residual, 4), worst_residual_cores: rounded(cores.worst, 4), marginal_packets_core_percent: rounded(100 * packet_us.slope, 4),
    marginal_mb: rounded(memory.slope, 3), base_mb: rounded(memory.base, 1), residual_mb: rounded(memory.residual, 2), ...about() };
  append("capacity", result);
  console.log(`  one more endpoint: ${result.marginal_core_percent} % of a core (of it packets and control ${result.marginal_packets_core_percent} %), ${result.marginal_mb} MB; ` +
    `a meeting of nobody: ${result.base_cores} cores, ${result.base_mb} MB; residual ${result.residual_cores ?? "-"} cores, ${result.residual_mb ?? "-"} MB, over ${good.length} points`);
}

await main("capacity", async () => {
  const broken = [], points = [];
  for (const shape of shapes) {
    const mine = [];
    for (const endpoints of counts) {
      try {
        const p = await measure(shape, endpoints);
        append("capacity", p);
        mine.push(p);
        console.error(`${shape}, ${endpoints} endpoints: ${p.cores.toFixed(3)} cores, machine ${Math.round(100 * p.machine_busy)} % busy ${p.faults.join("; ")}`);
        if (p.faults.length > 0 && !p.full) broken.push(`${shape} ${endpoints}: ${p.faults.join("; ")}`);
        if (p.full) break;
      } catch (error) {
        broken.push(`${shape} ${endpoints}: ${error.message}`);
        console.error(`${shape}, ${endpoints} endpoints: ${error.message}`);
        break;
      }
    }
    if (mine.length === 0) continue;
    show(shape, mine);
    marginal(shape, mine);
    points.push(...mine);
  }
  if (points.length > 0) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "capacity.svg"), drawCapacity(points, { audio: results("audio"), fanout: results("fanout") }));
    console.log(`\nThe graph: ${join(out, "capacity.svg")}`);
  }
  if (quick) console.log("QUICK=1: short windows; good for a look, not for a figure.");
  if (broken.length > 0) throw new Error(`not as it should be: ${broken.join(" | ")}`);
});
