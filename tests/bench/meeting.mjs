// One meeting with every room of the demo roster, simulated: what the bridge and the server cost meanwhile.
//   make bench-meeting            ROOMS=201 SECONDS_RUN=60 SECONDS_WARM=25 SIM_ARGS="..." as variables
// Prints a table and appends one JSON object to build/bench/meeting.jsonl.  Server, bridge and simulator share the
// machine here; each is measured on its own from /proc.
import { spawn, execFileSync } from "node:child_process";
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir, cpus } from "node:os";
import { join, resolve } from "node:path";

const number = (name, fallback) => Number(process.env[name] ?? fallback);
const bin = resolve(process.env.BIN ?? "build/release/bin");
const out = resolve(process.env.OUT ?? "build/bench");
const rooms = number("ROOMS", 201);
const seconds = number("SECONDS_RUN", 60);
const warm = number("SECONDS_WARM", 25);
const httpPort = number("HTTP_PORT", 19080);
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]));
const data = mkdtempSync(join(tmpdir(), "diemcau-bench-"));
const children = [];

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function start(program, args, options = {}) {
  const log = openSync(join(data, `${program}.log`), "a");
  const child = spawn(join(bin, program), args, { stdio: ["ignore", options.stdout ?? log, log] });
  closeSync(log);
  child.ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  children.push(child);
  return child;
}

// One reading of a process: CPU ticks so far, memory, threads, open files.  Field 14 and 15 of /proc/PID/stat,
// counted after the name, which may itself hold spaces.
function reading(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const status_kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    cpu_s: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    rss_mb: status_kb("VmRSS") / 1024,
    peak_mb: status_kb("VmHWM") / 1024,
    threads: status_kb("Threads"),
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

// CPU of every thread by its name, so that a table can say where the time goes.
function threadTimes(pid) {
  const times = new Map();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, "utf8");
      const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const cpu_s = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
      times.set(name, (times.get(name) ?? 0) + cpu_s);
    } catch { /* a thread that has just ended */ }
  }
  return times;
}

function childrenOf(pid) {
  const ids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean);
  return ids.map((id) => ({ pid: Number(id), program: readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0")[0] }));
}

async function untilReady() {
  for (let waited = 0; waited < 60_000; waited += 250) {
    try {
      if ((await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok) return;
    } catch { /* not listening yet */ }
    await sleep(250);
  }
  throw new Error(`the server is not ready after 60 s; see ${data}`);
}

function simulatorTotals() {
  const lines = readFileSync(join(data, "sim.out"), "utf8").trim().split("\n");
  for (const line of lines.reverse()) {
    try { return JSON.parse(line); } catch { /* a line for people */ }
  }
  return null;
}

async function run() {
  const server = start("diemcau", ["serve", "--data", data, "--trial",
    "--set", `http.port=${httpPort}`, "--set", `http.https_port=${httpPort + 363}`,
    "--set", "media.port_min=26000", "--set", "media.port_max=26999",
    "--set", `trial.roster=${resolve("config/roster/quang-ninh-2019.csv")}`,
    "--set", `http.web_root=${resolve("build/web")}`]);
  await untilReady();
  const parts = childrenOf(server.pid);
  const bridge = parts.find((part) => part.program.endsWith("-bridge"))?.pid;
  const signaling = parts.find((part) => !part.program.endsWith("-bridge"))?.pid;
  if (!bridge || !signaling) throw new Error("the supervisor has not two children");

  const simOut = openSync(join(data, "sim.out"), "w");
  const sim = start("diemcau-sim", ["--http", `http://127.0.0.1:${httpPort}`, "--data", data,
    ...(rooms < 201 ? ["--count", String(rooms)] : ["--all"]), "--seconds", String(warm + seconds), "--json",
    ...(process.env.SIM_ARGS ?? "").split(" ").filter(Boolean)], { stdout: simOut });
  await Promise.race([sleep(warm * 1000), sim.ended]);
  if (sim.exitCode !== null) throw new Error(`the simulator ended early with ${sim.exitCode}; see ${data}`);

  const who = { bridge, signaling, simulator: sim.pid };
  const before = Object.fromEntries(Object.entries(who).map(([name, pid]) => [name, reading(pid)]));
  const threadsBefore = threadTimes(bridge);
  const started = performance.now();
  await sleep(Math.max(1, seconds - 2) * 1000);
  const elapsed = (performance.now() - started) / 1000;
  const result = { bench: "meeting", date: new Date().toISOString(), cpus: cpus().length, cpu: cpus()[0].model, rooms, seconds: elapsed };
  for (const [name, pid] of Object.entries(who)) {
    const now = reading(pid);
    result[name] = { cores: (now.cpu_s - before[name].cpu_s) / elapsed, rss_mb: now.rss_mb, peak_mb: now.peak_mb,
      threads: now.threads, files: now.files };
  }
  result.bridge_threads = Object.fromEntries([...threadTimes(bridge)]
    .map(([name, cpu_s]) => [name, (cpu_s - (threadsBefore.get(name) ?? 0)) / elapsed])
    .filter(([, cores]) => cores >= 0.005).sort((a, b) => b[1] - a[1]));
  await Promise.race([sim.ended, sleep(30_000)]);
  result.simulated = simulatorTotals();
  return result;
}

function print(result) {
  console.log(`\n${result.rooms} rooms, ${result.seconds.toFixed(0)} s, ${result.cpus} x ${result.cpu}`);
  console.log("  process       cores   memory MB   peak MB   threads   files");
  for (const name of ["bridge", "signaling", "simulator"]) {
    const p = result[name];
    console.log(`  ${name.padEnd(11)} ${p.cores.toFixed(3).padStart(7)} ${p.rss_mb.toFixed(0).padStart(11)} ${p.peak_mb.toFixed(0).padStart(9)} ${String(p.threads).padStart(9)} ${String(p.files).padStart(7)}`);
  }
  console.log("  bridge by thread, cores:");
  for (const [name, cores] of Object.entries(result.bridge_threads)) console.log(`    ${name.padEnd(20)} ${cores.toFixed(3)}`);
  if (result.simulated) {
    console.log("  what the simulated rooms received:");
    for (const [key, value] of Object.entries(result.simulated)) {
      if (typeof value !== "object") console.log(`    ${key.padEnd(28)} ${value}`);
    }
  }
}

let failed = false;
try {
  const result = await run();
  print(result);
  mkdirSync(out, { recursive: true });
  appendFileSync(join(out, "meeting.jsonl"), `${JSON.stringify(result)}\n`);
} catch (error) {
  console.error(`bench-meeting: ${error.message}`);
  failed = true;
} finally {
  for (const child of children) child.kill("SIGTERM");
  await Promise.race([Promise.all(children.map((child) => child.ended)), sleep(10_000)]);
  if (!failed) rmSync(data, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
