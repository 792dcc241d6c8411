// Starts the real `diemcau serve` with ports and a data folder of its own, and speaks HTTP to it.
import { spawn, execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, readFileSync, readdirSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { openSocket } from "./socket.mjs";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
export const bin = path.resolve(root, process.env.BIN ?? "build/release/bin");

export function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export async function until(what, func, ms = 15000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await func();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class Server {
  static async start({ trial = true, sets = [], data = null, port = null } = {}) {
    const server = new Server();
    server.data = data ?? mkdtempSync(path.join(os.tmpdir(), "diemcau-test-"));
    server.port = port ?? (await freePort());
    server.httpsPort = await freePort();
    const media = 30000 + Math.floor(Math.random() * 90) * 100;
    server.args = ["serve", "--data", server.data];
    if (trial) server.args.push("--trial");
    const pairs = [
      `http.port=${server.port}`,
      `http.https_port=${server.httpsPort}`,
      `media.port_min=${media}`,
      `media.port_max=${media + 99}`,
      `trial.roster=${root}/config/roster/quang-ninh-2019.csv`,
      `http.web_root=${root}/build/web`,
      ...sets,
    ];
    // Another bridge than the one beside the server, e.g. while only the server is built with a sanitizer.
    if (process.env.BRIDGE) pairs.push(`bridge.program=${path.resolve(root, process.env.BRIDGE)}`);
    for (const pair of pairs) server.args.push("--set", pair);
    await server.run();
    return server;
  }

  async run() {
    this.out = "";
    this.log = "";
    this.exit = null;
    this.child = spawn(path.join(bin, "diemcau"), this.args, { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout.on("data", (bytes) => (this.out += bytes));
    this.child.stderr.on("data", (bytes) => (this.log += bytes));
    this.child.on("exit", (code) => (this.exit = code ?? -1));
    await until("server ready", async () => {
      if (this.exit !== null) throw new Error(`server ended with ${this.exit}: ${this.log}`);
      const answer = await this.get("/readyz").catch(() => null);
      return answer !== null && answer.status === 200;
    }, 30000);
    // Links are printed a moment after the doors are open; the last line of that page names Ctrl-C.
    if (this.args.includes("--trial")) await until("trial links", () => this.out.includes("Ctrl-C"), 30000);
  }

  // The process of a child of the supervisor: "signaling-server" or "diemcau-bridge".
  childPid(word) {
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
        if (parent === this.child.pid && (words[0].endsWith(word) || words[1] === word)) return Number(name);
      } catch {
        // it ended while we looked
      }
    }
    return 0;
  }

  link(kind) {
    const mark = { chair: "(chair)", technician: "(technician)", room: "(room)" }[kind];
    const line = this.out.split("\n").find((text) => text.includes(mark));
    return line.slice(line.indexOf("http")).split(/\s/)[0];
  }

  token(kind) {
    return this.link(kind).split("#")[1];
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  request(method, where, { body, headers = {}, raw = null } = {}) {
    return new Promise((resolve, reject) => {
      const text = raw ?? (body === undefined ? null : JSON.stringify(body));
      const all = { ...headers };
      if (text !== null) {
        all["Content-Type"] ??= "application/json";
        all["Content-Length"] ??= Buffer.byteLength(text);
      }
      const request = http.request({ host: "127.0.0.1", port: this.port, method, path: where, headers: all, agent: false }, (answer) => {
        const parts = [];
        answer.on("data", (bytes) => parts.push(bytes));
        answer.on("end", () => {
          const got = Buffer.concat(parts).toString("utf8");
          let json = null;
          try {
            json = JSON.parse(got);
          } catch {
            // not JSON
          }
          resolve({ status: answer.statusCode, headers: answer.headers, text: got, json });
        });
      });
      request.on("error", reject);
      if (text !== null) request.write(text);
      request.end();
    });
  }

  get(where, headers = {}) {
    return this.request("GET", where, { headers });
  }

  static cookieOf(answer, name) {
    for (const line of answer.headers["set-cookie"] ?? [])
      if (line.startsWith(`${name}=`)) return line.split(";")[0];
    return null;
  }

  // Logs in by link or password and gives the cookie.
  async login(fields) {
    const answer = await this.request("POST", "/api/v1/login", { body: fields });
    if (answer.status !== 200) throw new Error(`login: ${answer.status} ${answer.text}`);
    return Server.cookieOf(answer, "diemcau");
  }

  async roomCookie(token) {
    const answer = await this.request("POST", "/api/v1/room", { body: { token } });
    if (answer.status !== 200) throw new Error(`room: ${answer.status} ${answer.text}`);
    return Server.cookieOf(answer, "diemcau_room");
  }

  // A room's link, made by the command line beside the running server.
  async roomLink(code) {
    const out = await this.cli("roster", "link", code);
    return out.trim().split("#")[1];
  }

  cli(...words) {
    return new Promise((resolve, reject) => {
      execFile(path.join(bin, "diemcau"), [...words, "--data", this.data], (error, stdout, stderr) => {
        if (error) reject(new Error(`diemcau ${words.join(" ")}: ${stderr}`));
        else resolve(stdout);
      });
    });
  }

  async socket(cookie, { origin = this.origin, ...rest } = {}) {
    const socket = await openSocket(this.port, { cookie, origin, ...rest });
    if (socket.status !== undefined) throw new Error(`upgrade refused: ${socket.status}`);
    return socket;
  }

  async stop() {
    if (this.child && this.exit === null) {
      this.child.kill("SIGTERM");
      await until("server stopped", () => this.exit !== null, 20000);
    }
    if (process.env.SERVER_LOG) appendFileSync(process.env.SERVER_LOG, this.log);
  }

  async end() {
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }
}
