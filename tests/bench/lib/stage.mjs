// What the time benchmarks share: the product on ports and data of its own, the simulator, percentiles, results.
import { execFile, execFileSync, spawn } from "node:child_process";
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";

export const number = (name, fallback) => Number(process.env[name] ?? fallback);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
/** The clock that the simulator writes into its timeline. */
export const now_us = () => Number(process.hrtime.bigint() / 1000n);

const bin = resolve(process.env.BIN ?? "build/release/bin");
const out = resolve(process.env.OUT ?? "build/bench");
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]));
const children = new Set();

function start(program, args, log, stdout) {
  const file = openSync(log, "a");
  const child = spawn(program, args, { stdio: ["ignore", stdout ?? file, file] });
  closeSync(file);
  child.ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  children.add(child);
  void child.ended.then(() => children.delete(child));
  return child;
}

/** Ends what is still running: only our own children, by their handles. */
export async function endAll() {
  for (const child of children) child.kill("SIGTERM");
  await Promise.race([Promise.all([...children].map((child) => child.ended)), sleep(10_000)]);
}

export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export class Product {
  static async start(sets = []) {
    const product = new Product();
    product.data = mkdtempSync(join(tmpdir(), "diemcau-bench-"));
    product.port = number("HTTP_PORT", 18380);
    product.origin = `http://127.0.0.1:${product.port}`;
    const pairs = [`http.port=${product.port}`, `http.https_port=${product.port + 1}`,
      `media.port_min=${number("MEDIA_PORT", 48000)}`, `media.port_max=${number("MEDIA_PORT", 48000) + 999}`,
      `trial.roster=${resolve("config/roster/quang-ninh-2019.csv")}`, `http.web_root=${resolve("build/web")}`, ...sets];
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

  async metric(name) {
    const text = await (await fetch(`${this.origin}/metrics`)).text();
    const line = text.split("\n").find((words) => words.startsWith(`${name} `));
    if (line === undefined) throw new Error(`/metrics has no ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** The simulator beside it; .result is its JSON, .timeline() what it wrote down so far. */
  simulate(args) {
    const sim = { log: join(this.data, "sim.log"), events: join(this.data, "timeline.jsonl"), json: join(this.data, "sim.json") };
    sim.child = start(join(bin, "diemcau-sim"), ["--http", this.origin, "--data", this.data, "--sample", "0",
      "--timeline", sim.events, `--json=${sim.json}`, ...args], sim.log);
    sim.text = () => readFileSync(sim.log, "utf8");
    sim.timeline = () => readFileSync(sim.events, "utf8").split("\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
    sim.finish = async () => {
      await sim.child.ended;
      return JSON.parse(readFileSync(sim.json, "utf8"));
    };
    const early = sim.child.ended.then((code) => { throw new Error(`the simulator ended early with ${code}: ${sim.text()}`); });
    early.catch(() => {}); // told to whoever waits
    sim.settled = () => Promise.race([early, this.until("all rooms watch", () => /rooms watch the meeting/.test(sim.text()), 60_000)]);
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

export function about() {
  const commit = () => { try { return execFileSync("git", ["rev-parse", "--short", "HEAD"], { stdio: ["ignore", "pipe", "ignore"] }).toString().trim(); } catch { return ""; } };
  return {
    date: new Date().toISOString(),
    machine: { cpus: cpus().length, cpu: cpus()[0].model, memory_mb: Math.round(totalmem() / 2 ** 20), kernel: release(), load: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]) },
    versions: { diemcau: execFileSync(join(bin, "diemcau"), ["--version"]).toString().trim(), commit: commit() },
  };
}

/** One row of the table per point, one JSON object per point. */
export function report(bench, settings, points) {
  const common = about();
  mkdirSync(out, { recursive: true });
  console.log(`\n${bench}: ${common.machine.cpus} x ${common.machine.cpu}, load ${common.machine.load}, ${common.versions.diemcau} ${common.versions.commit}`);
  console.log(`  ${"".padEnd(34)} rooms      n     p50     p95     p99     max   ms`);
  for (const point of points) {
    const cell = (value) => String(value ?? "-").padStart(7);
    const { shape, endpoints, n, p50_ms, p95_ms, p99_ms, max_ms, ...more } = point;
    console.log(`  ${shape.padEnd(34)} ${String(endpoints).padStart(5)} ${cell(n)} ${cell(p50_ms)} ${cell(p95_ms)} ${cell(p99_ms)} ${cell(max_ms)}   ${
      Object.entries(more).filter(([, value]) => value !== null && typeof value !== "object").map(([key, value]) => `${key} ${value}`).join(", ")}`);
    appendFileSync(join(out, `${bench}.jsonl`), `${JSON.stringify({ bench, ...point, settings: point.settings ?? settings, ...common })}\n`);
  }
}

/** Runs the benchmark and leaves the data folder only when it failed. */
export async function main(bench, run) {
  try {
    await run();
  } catch (error) {
    console.error(`bench-${bench}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await endAll();
  }
}
