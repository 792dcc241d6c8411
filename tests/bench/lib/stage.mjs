// What the benchmarks share: the product on ports and data of its own, the simulator, percentiles, results.
import { execFile, execFileSync, spawn } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { writeRoster } from "./roster.mjs";
import { cpuSeconds } from "./usage.mjs";

export { cpuSeconds };
/** A variable of the caller; a quick run (QUICK=1) has a smaller default where one is given. */
export const quick = process.env.QUICK === "1";
export const number = (name, fallback, quickly = fallback) => Number(process.env[name] ?? (quick ? quickly : fallback));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
/** The clock that the simulator writes into its timeline. */
export const now_us = () => Number(process.hrtime.bigint() / 1000n);

const bin = resolve(process.env.BIN ?? "build/release/bin");
export const out = resolve(process.env.OUT ?? "build/bench");
const children = new Set();

/** From now on endAll() ends it too; child.ended resolves with its exit code or signal. */
export function own(child) {
  child.ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  children.add(child);
  void child.ended.then(() => children.delete(child));
  return child;
}

function start(program, args, log, stdout) {
  const file = openSync(log, "a");
  const child = own(spawn(program, args, { stdio: ["ignore", stdout ?? file, file] }));
  closeSync(file);
  return child;
}

/** Ends what is still running: only our own children, by their handles. */
export async function endAll() {
  for (const child of children) child.kill("SIGTERM");
  await Promise.race([Promise.all([...children].map((child) => child.ended)), sleep(10_000)]);
  for (const child of children) child.kill("SIGKILL");
}

export class Product {
  /** sets: further settings; rooms: a roster of exactly so many, 0: the demo roster as it is. */
  static async start(sets = [], rooms = 0) {
    const product = new Product();
    product.data = mkdtempSync(join(tmpdir(), "diemcau-bench-"));
    product.port = number("HTTP_PORT", 18380);
    const roster = rooms > 0 ? join(product.data, "rooms.csv") : resolve("config/roster/quang-ninh-2019.csv");
    if (rooms > 0) writeRoster(roster, rooms);
    product.origin = `http://127.0.0.1:${product.port}`;
    const pairs = [`http.port=${product.port}`, `http.https_port=${product.port + 1}`,
      `media.port_min=${number("MEDIA_PORT", 26000)}`, `media.port_max=${number("MEDIA_PORT", 26000) + 1999}`,
      `trial.roster=${roster}`, `http.web_root=${resolve("build/web")}`, ...sets];
    product.server = start(join(bin, "diemcau"), ["serve", "--data", product.data, "--trial",
      ...pairs.flatMap((pair) => ["--set", pair])], join(product.data, "server.log"));
    await product.until("the server is ready", async () => (await fetch(`${product.origin}/readyz`)).ok, 60_000);
    return product;
  }

  async until(what, func, ms) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
      if (await Promise.resolve().then(func).catch(() => false)) return;
      if (this.server.exitCode !== null) throw new Error(`the server ended: see ${this.data}/server.log`);
    }
    throw new Error(`not within ${ms} ms: ${what}; see ${this.data}`);
  }

  /** A child of the serve process: "bridge" or "signaling". */
  child(name) {
    const ids = readFileSync(`/proc/${this.server.pid}/task/${this.server.pid}/children`, "utf8").trim().split(/\s+/);
    for (const id of ids.filter(Boolean)) {
      const isBridge = readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0")[0].endsWith("-bridge");
      if (isBridge === (name === "bridge")) return Number(id);
    }
    throw new Error(`the supervisor has no child ${name}`);
  }

  /** Both parts, for --watch of the simulator: what usage() reads out of its totals. */
  watch() {
    return ["bridge", "signaling"].flatMap((name) => ["--watch", `${name}=${this.child(name)}`]);
  }

  /** What stands after # in a new login link of a technician. */
  async login() {
    return (await this.cli("user", "login", "kythuat")).trim().split("#")[1];
  }

  metrics() {
    return fetch(`${this.origin}/metrics`).then((answer) => answer.text());
  }

  async metric(name) {
    const text = await this.metrics();
    const line = text.split("\n").find((words) => words.startsWith(`${name} `));
    if (line === undefined) throw new Error(`/metrics has no ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** The simulator beside it; .result is its JSON, .timeline() what it wrote down so far. name: of its files; through: words
   *  that start it in another place. */
  simulate(args, name = "sim", through = []) {
    const sim = { log: join(this.data, `${name}.log`), events: join(this.data, `${name}.timeline.jsonl`), json: join(this.data, `${name}.json`) };
    const words = [...through, join(bin, "diemcau-sim"), "--http", this.origin, "--data", this.data, "--sample", "0",
      "--timeline", sim.events, `--json=${sim.json}`, ...args];
    sim.child = start(words[0], words.slice(1), sim.log);
    sim.text = () => readFileSync(sim.log, "utf8");
    sim.timeline = () => readFileSync(sim.events, "utf8").split("\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
    sim.finish = async () => {
      await sim.child.ended;
      return JSON.parse(readFileSync(sim.json, "utf8"));
    };
    const early = sim.child.ended.then((code) => { throw new Error(`the simulator ended early with ${code}: ${sim.text()}`); });
    early.catch(() => {}); // told to whoever waits
    const told = (what, words) => Promise.race([early, this.until(what, () => words.test(sim.text()), 90_000)]);
    sim.settled = () => told("all rooms watch", /rooms watch the meeting/);
    sim.measuring = () => told("the simulator measures", /^measuring$/m);
    return sim;
  }

  cli(...words) {
    return new Promise((done, fail) => execFile(join(bin, "diemcau"), [...words, "--data", this.data],
      (error, stdout, stderr) => (error ? fail(new Error(`diemcau ${words.join(" ")}: ${stderr}${stdout}`)) : done(stdout))));
  }

  async end(keep = false) {
    await endAll();
    if (!keep) rmSync(this.data, { recursive: true, force: true });
  }
}

export function percentiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => (sorted.length === 0 ? null : Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] * 10) / 10);
  return { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: sorted.length === 0 ? null : at(1), n: sorted.length };
}

/** The keys that all benchmarks have, of a simulator's totals that watched both parts. */
export function usage(totals) {
  const sum = (what) => Math.round(10 * ((totals[`bridge_${what}`] ?? 0) + (totals[`signaling_${what}`] ?? 0))) / 10;
  return { cores: totals.cores, bridge_cores: totals.bridge_cores ?? null, signaling_cores: totals.signaling_cores ?? null, sim_cores: totals.sim_cores,
    rss_mb: sum("rss_mb"), threads: sum("threads"), fds: sum("fds"), pps_in: totals.pps_in, pps_out: totals.pps_out,
    audio_gaps: totals.audio_gaps, fps_median: totals.fps_median, fps_p5: totals.fps_p5 };
}

export function append(bench, object) {
  mkdirSync(out, { recursive: true });
  appendFileSync(join(out, `${bench}.jsonl`), `${JSON.stringify({ bench, ...object })}\n`);
}

/** The benchmark's results so far, oldest first. */
export function results(bench) {
  const path = join(out, `${bench}.jsonl`);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").split("\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
}

export function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  return rows.map((row) => `  ${row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join("  ")}`).join("\n");
}

const began = new Date().toISOString();

/** What every point says beside its figures. run: the same for all that one `make bench` measured. */
export function about() {
  const commit = () => { try { return execFileSync("git", ["rev-parse", "--short", "HEAD"], { stdio: ["ignore", "pipe", "ignore"] }).toString().trim(); } catch { return ""; } };
  return {
    date: new Date().toISOString(), run: process.env.BENCH_RUN ?? began, quick,
    machine: { cpus: cpus().length, cpu: cpus()[0].model, memory_mb: Math.round(totalmem() / 2 ** 20), kernel: release(), load: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]) },
    versions: { diemcau: execFileSync(join(bin, "diemcau"), ["--version"]).toString().trim(), commit: commit() },
  };
}

const USAGE = ["cores", "bridge_cores", "signaling_cores", "sim_cores", "rss_mb", "threads", "fds", "pps_in", "pps_out", "audio_gaps", "fps_median", "fps_p5"];

/** One row of the table per point, one JSON object per point. */
export function report(bench, settings, points) {
  const common = about(), spent = points.find((point) => typeof point.cores === "number");
  console.log(`\n${bench}: ${common.machine.cpus} x ${common.machine.cpu}, load ${common.machine.load}, ${common.versions.diemcau} ${common.versions.commit}`);
  console.log(`  ${"".padEnd(34)} rooms      n     p50     p95     p99     max   ms`);
  for (const point of points) {
    const cell = (value) => String(value ?? "-").padStart(7);
    const { shape, endpoints, n, p50_ms, p95_ms, p99_ms, max_ms, ...more } = point;
    console.log(`  ${shape.padEnd(34)} ${String(endpoints).padStart(5)} ${cell(n)} ${cell(p50_ms)} ${cell(p95_ms)} ${cell(p99_ms)} ${cell(max_ms)}   ${
      Object.entries(more).filter(([key, value]) => value !== null && typeof value !== "object" && !USAGE.includes(key)).map(([key, value]) => `${key} ${value}`).join(", ")}`);
    append(bench, { ...point, settings: point.settings ?? settings, ...common });
  }
  if (spent !== undefined) console.log(`  ${spent.cores} cores meanwhile, the simulator ${spent.sim_cores}; ${spent.pps_in} packets/s in, ${spent.pps_out} out; ${spent.rss_mb} MB`);
}

/** Runs the benchmark and leaves the data folder only when it failed. Told to end, it ends what it started. */
export async function main(bench, run) {
  for (const signal of ["SIGTERM", "SIGINT"])
    process.once(signal, () => void endAll().then(() => process.exit(1)));
  try {
    await run();
  } catch (error) {
    console.error(`bench-${bench}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await endAll();
  }
  process.exit(process.exitCode ?? 0); // timers that nobody waits for any more would hold it
}
