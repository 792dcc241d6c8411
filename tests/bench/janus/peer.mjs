// What the two benchmarks against Janus share: a server of ours, the simulator against either side, CPU time from /proc.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { own, Product, sleep } from "../lib/stage.mjs";
import { coresByThread, machineBusy, machineTimes, threadTimes } from "../lib/usage.mjs";

const bin = resolve(process.env.BIN ?? "build/release/bin");

/** Our server with an open meeting. */
export async function startDiemcau() {
  const product = await Product.start();
  const bridge = product.child("bridge");
  return { url: product.origin, data: product.data, media: bridge, watch: { bridge, signaling: product.child("signaling") }, stop: () => product.end() };
}

/** One run of the simulator; server: {url, media (pid), watch: {name: pid}}. Resolves with its totals and the CPU by thread. */
export async function simulate(server, folder, args, window_s) {
  mkdirSync(folder, { recursive: true });
  const outPath = join(folder, `sim-${Date.now()}.json`), log = join(folder, "sim.log");
  const child = own(spawn(join(bin, "diemcau-sim"), ["--http", server.url, "--window", String(window_s),
    "--seconds", String(window_s + 60), `--json=${outPath}`,
    ...Object.entries(server.watch).flatMap(([name, pid]) => ["--watch", `${name}=${pid}`]), ...args],
  { stdio: ["ignore", "ignore", "pipe"] }));
  const ended = child.ended;
  let said = "", began, limit;
  const measuring = new Promise((done) => { began = done; });
  child.once("error", (error) => began(error));
  child.stderr.on("data", (bytes) => {
    said += bytes;
    if (said.includes("measuring\n")) began(null);
  });
  try {
    const early = await Promise.race([measuring, ended.then((code) => new Error(`the simulator ended with ${code}: ${said.slice(-300)}`)),
      new Promise((done) => { limit = setTimeout(done, 120_000, new Error("the simulator does not begin to measure")); })]);
    if (early) throw early;
    const before = threadTimes(server.media), from = performance.now(), machine = machineTimes();
    await Promise.race([ended, sleep((window_s - 1) * 1000)]);
    const seconds = (performance.now() - from) / 1000, busy = machineBusy(machine, machineTimes());
    const threads = coresByThread(before, threadTimes(server.media), seconds);
    await ended;
    const totals = JSON.parse(readFileSync(outPath, "utf8"));
    // What neither the server nor the simulator used: other programs on this machine, and the kernel's own work.
    return { ...totals, threads, others_cores: Math.max(0, Number((busy.cores - totals.cores - totals.sim_cores).toFixed(3))) };
  } finally {
    clearTimeout(limit);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    writeFileSync(log, said);
  }
}

/** The keys that all benchmarks have, of one point. */
export function point(shape, side, totals) {
  const main = side === "janus" ? "janus" : "bridge";
  return { shape, side, endpoints: totals.endpoints, live: totals.live, served: totals.watching, seconds: totals.seconds,
    cores: totals.cores, bridge_cores: totals.bridge_cores ?? null, signaling_cores: totals.signaling_cores ?? null,
    janus_cores: totals.janus_cores ?? null, sim_cores: totals.sim_cores,
    rss_mb: totals[`${main}_rss_mb`] + (totals.signaling_rss_mb ?? 0),
    threads: totals[`${main}_threads`] + (totals.signaling_threads ?? 0), fds: totals[`${main}_fds`] + (totals.signaling_fds ?? 0),
    pps_in: totals.pps_in, pps_out: totals.pps_out, mbps_out: totals.mbps_out, audio_gaps: totals.audio_gaps,
    fps_median: totals.fps_median, fps_p5: totals.fps_p5, frames_broken: totals.frames_broken,
    tones: totals.check_tones, tones_heard: totals.check_tones_heard, sim_overflowed: totals.sim_overflowed,
    others_cores: totals.others_cores, sim_stall_ms_max: totals.sim_stall_ms_max, threads_cores: totals.threads };
}

/** Are all served, and does nearly everything that is due arrive? due_pps: what the endpoints should receive in all. */
export function faults(p, due_pps) {
  const found = [];
  if (p.live < p.endpoints) found.push(`${p.endpoints - p.live} not connected`);
  if (p.served < p.endpoints) found.push(`${p.endpoints - p.served} without media`);
  if (p.pps_out < 0.97 * due_pps) found.push(`${p.pps_out} of ${Math.round(due_pps)} packets/s arrive`);
  if (p.audio_gaps > 0.001 * 50 * p.endpoints * p.seconds) found.push(`${p.audio_gaps} gaps in the sound`);
  if (p.tones_heard < 0.9 * p.tones) found.push(`${p.tones_heard} of ${p.tones} voices are heard`);
  // Above this both sides and the simulator take the processor from each other.
  const busy = (p.cores + p.sim_cores + p.others_cores) / cpus().length;
  if (busy > 0.9) found.push(`the machine is ${Math.round(100 * busy)} % busy`);
  if (p.sim_overflowed > 0) found.push(`the simulator was too slow for ${p.sim_overflowed} packets`);
  return found;
}
