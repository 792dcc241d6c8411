// The real programs, as a user starts them: `diemcau serve` in a data folder of its own, on ports of its own.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./wait.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const BIN = resolve(ROOT, process.env.BIN ?? "build/release/bin");
const MEDIA_PORTS = process.env.MEDIA_PORTS?.split("-") ?? [46000, 46999];

const freePort = () =>
  new Promise((done, fail) => {
    const probe = createServer();
    probe.on("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

/** Descendants of a process, nearest first, with the name of their program. */
const descendants = (pid) => {
  const file = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(file)) return [];
  const children = readFileSync(file, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
  return children.flatMap((child) => {
    let words = [];
    try {
      words = readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0");
    } catch {
      return [];
    }
    return [{ pid: child, words }, ...descendants(child)];
  });
};

export class Server {
  constructor() {
    this.data = mkdtempSync(join(tmpdir(), "diemcau-e2e-"));
    this.output = "";
  }

  async start(settings = {}) {
    this.port = await freePort();
    const https = await freePort();
    const all = {
      "http.port": this.port,
      "http.https_port": https,
      "http.web_root": resolve(ROOT, process.env.WEB_ROOT ?? "build/web"),
      "media.port_min": MEDIA_PORTS[0],
      "media.port_max": MEDIA_PORTS[1],
      "media.addresses": "127.0.0.1",
      "trial.roster": resolve(ROOT, "config/roster/quang-ninh-2019.csv"),
      "support.phone": "0203 001 0000",
      ...settings,
    };
    const sets = Object.entries(all).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    this.process = spawn(join(BIN, "diemcau"), ["serve", "--data", this.data, "--trial", ...sets], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process.stdout.on("data", (bytes) => (this.output += bytes));
    this.process.stderr.on("data", (bytes) => (this.output += bytes));
    this.ended = new Promise((done) => this.process.on("exit", (code) => done(code)));
    let code = null;
    void this.ended.then((value) => (code = value));
    try {
      await until(
        "server is ready",
        async () => {
          if (code !== null) throw new Error(`diemcau ended with code ${code}`);
          const answer = await fetch(`${this.url}/readyz`);
          this.ready = await answer.text();
          return answer.status === 200;
        },
        60_000,
      );
    } catch (error) {
      throw new Error(`${error.message}\n${this.output}`);
    }
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Runs the command line beside the server; its standard output. */
  async run(...words) {
    const child = spawn(join(BIN, "diemcau"), [...words, "--data", this.data], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes) => (out += bytes));
    child.stderr.on("data", (bytes) => (err += bytes));
    const code = await new Promise((done) => child.on("exit", done));
    if (code !== 0) throw new Error(`diemcau ${words.join(" ")}: code ${code}: ${err}`);
    return out.trim();
  }

  /** An address that the server printed, as seen from this machine. */
  here(address) {
    const found = new URL(address);
    return `${this.url}${found.pathname}${found.hash}`;
  }

  /** The login links of the chair and the technician, as the trial printed them, in that order. */
  async loginLinks() {
    return until("login links are printed", () => {
      const links = [...this.output.matchAll(/https?:\/\/\S+\/login#\S+/g)].map((found) =>
        this.here(found[0]),
      );
      const tokens = new Map(links.map((link) => [link.split("#")[1], link]));
      return tokens.size >= 2 ? [...tokens.values()] : null;
    });
  }

  async roomLink(code) {
    return this.here((await this.run("roster", "link", code)).split("\n").pop());
  }

  /** pid of "bridge" or "signaling". */
  child(which) {
    const all = descendants(this.process.pid);
    const isBridge = ({ words }) => /diemcau-bridge$/.test(words[0] ?? "");
    return all.find((one) => (which === "bridge" ? isBridge(one) : !isBridge(one)))?.pid;
  }

  /** Kills one of the two programs, which the supervisor must start anew; resolves to the new pid. */
  async kill(which) {
    const before = this.child(which);
    if (before === undefined) throw new Error(`no ${which} among the children`);
    process.kill(before, "SIGKILL");
    return until(`a new ${which}`, () => {
      const now = this.child(which);
      return now !== undefined && now !== before ? now : null;
    });
  }

  /** Both programs fall silent without a word, as a line does that was cut; thaw() mends it. */
  freeze() {
    this.frozen = ["bridge", "signaling"]
      .map((which) => this.child(which))
      .filter((pid) => pid !== undefined);
    for (const pid of this.frozen) process.kill(pid, "SIGSTOP");
  }

  thaw() {
    for (const pid of this.frozen ?? []) process.kill(pid, "SIGCONT");
    this.frozen = [];
  }

  async stop() {
    this.thaw();
    if (this.process !== undefined && this.process.exitCode === null) {
      this.process.kill("SIGTERM");
      const late = setTimeout(() => this.process.kill("SIGKILL"), 15_000);
      await this.ended;
      clearTimeout(late);
    }
    rmSync(this.data, { recursive: true, force: true });
  }
}
