// What the two benchmarks against Janus share: a server of ours, the simulator against either side, CPU time from /proc.
import { spawn, execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";

const bin = resolve(process.env.BIN ?? "build/release/bin");
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const number = (name, fallback) => Number(process.env[name] ?? fallback);

export function machine() {
  const version = (program) => execFileSync(program, ["--version"], { encoding: "utf8" }).split("\n")[0];
  return { cpus: cpus().length, cpu: cpus()[0].model, kernel: execFileSync("uname", ["-r"], { encoding: "utf8" }).trim(),
    diemcau: `diemcau ${version(join(bin, "diemcau"))}` };
}

function start(program, args, log) {
  const file = openSync(log, "a");
  const child = spawn(program, args, { stdio: ["ignore", file, file] });
  closeSync(file);
  child.once("error", () => {});
  child.ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  if ((await Promise.race([child.ended, sleep(8000).then(() => "slow")])) === "slow") child.kill("SIGKILL");
  await child.ended;
}

// CPU seconds of every thread by its name. Fields 14 and 15 of stat, counted after the name, which may hold spaces.
function threadTimes(pid) {
  const times = new Map();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, "utf8");
      const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")).replace(/[-/ ]?\d+.*$/, "");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      times.set(name, (times.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond);
    } catch { /* a thread that has just ended */ }
  }
  return times;
}

// CPU seconds that anything at all has used on this machine.
function machineBusy_s() {
  const [user, nice, system, , , irq, softirq] = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

function coresByThread(before, after, seconds) {
  return Object.fromEntries([...after].map(([name, cpu_s]) => [name, (cpu_s - (before.get(name) ?? 0)) / seconds])
    .filter(([, cores]) => cores >= 0.0005).sort((a, b) => b[1] - a[1]).map(([name, cores]) => [name, Number(cores.toFixed(4))]));
}

// Our server with the demo roster and an open meeting.
export async function startDiemcau(data, httpPort, mediaPorts) {
  mkdirSync(data, { recursive: true });
  const [portMin, portMax] = mediaPorts.split("-");
  const child = start(join(bin, "diemcau"), ["serve", "--data", data, "--trial", "--set", `http.port=${httpPort}`,
    "--set", `http.https_port=${httpPort + 363}`, "--set", `media.port_min=${portMin}`, "--set", `media.port_max=${portMax}`,
    "--set", `trial.roster=${resolve("config/roster/quang-ninh-2019.csv")}`, "--set", `http.web_root=${resolve("build/web")}`],
  join(data, "server.log"));
  const url = `http://127.0.0.1:${httpPort}`;
  for (let waited = 0; ; waited += 250) {
    const ready = await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
    if (ready) break;
    if (waited > 60_000 || child.exitCode !== null) {
      await end(child);
      throw new Error(`the server is not ready; see ${data}/server.log`);
    }
    await sleep(250);
  }
  const parts = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(/\s+/).map((id) =>
    ({ pid: Number(id), program: readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0")[0] }));
  const bridge = parts.find((part) => part.program.endsWith("-bridge"))?.pid;
  const signaling = parts.find((part) => !part.program.endsWith("-bridge"))?.pid;
  if (!bridge || !signaling) {
    await end(child);
    throw new Error("the supervisor has not two children");
  }
  return { url, data, bridge, signaling, media: bridge, watch: { bridge, signaling }, stop: () => end(child) };
}

// One run of the simulator; server: {url, media (pid), watch: {name: pid}}. Resolves with its totals and the CPU by thread.
export async function simulate(server, folder, args, window_s) {
  const outPath = join(folder, `sim-${Date.now()}.json`), log = join(folder, "sim.log");
  const child = spawn(join(bin, "diemcau-sim"), ["--http", server.url, "--window", String(window_s),
    "--seconds", String(window_s + 60), `--json=${outPath}`,
    ...Object.entries(server.watch).flatMap(([name, pid]) => ["--watch", `${name}=${pid}`]), ...args],
  { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  let said = "", began;
  const measuring = new Promise((done) => { began = done; });
  child.once("error", (error) => began(error));
  child.stderr.on("data", (bytes) => {
    said += bytes;
    if (said.includes("measuring\n")) began(null);
  });
  try {
    const early = await Promise.race([measuring, ended.then((code) => new Error(`the simulator ended with ${code}: ${said.slice(-300)}`))]);
    if (early) throw early;
    const before = threadTimes(server.media), from = performance.now(), busy_s = machineBusy_s();
    await Promise.race([ended, sleep((window_s - 1) * 1000)]);
    const seconds = (performance.now() - from) / 1000, busy = (machineBusy_s() - busy_s) / seconds;
    const threads = coresByThread(before, threadTimes(server.media), seconds);
    await ended;
    const totals = JSON.parse(readFileSync(outPath, "utf8"));
    // What neither the server nor the simulator used: other programs on this machine, and the kernel's own work.
    return { ...totals, threads, others_cores: Math.max(0, Number((busy - totals.cores - totals.sim_cores).toFixed(3))) };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    writeFileSync(log, said);
  }
}

// The keys that all benchmarks have, of one point.
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

// Are all served, and does nearly everything that is due arrive? due_pps: what the endpoints should receive in all.
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

export function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  return rows.map((row) => "  " + row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join("  ")).join("\n");
}
