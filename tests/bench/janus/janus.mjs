// A Janus server of our own for a benchmark: started with the configuration of this folder on loopback, ended by its pid.
import { spawn, execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { own, sleep } from "../lib/stage.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const FILES = ["janus.jcfg", "janus.transport.websockets.jcfg", "janus.plugin.audiobridge.jcfg", "janus.plugin.videoroom.jcfg"];

const eventLoops = Number(process.env.EVENT_LOOPS ?? 0);

export const janusSettings = {
  event_loops: eventLoops > 0 ? `event_loops = ${eventLoops}` : "one event loop per handle (default)",
  audiobridge: "room at 48 kHz, otherwise Janus' defaults (mono, no recording, Opus complexity and prebuffering as shipped)",
  videoroom: "one publisher, no bitrate cap, otherwise Janus' defaults",
  common: "WebSocket API and media on 127.0.0.1, log level 3, only the plugins and transport in use are loaded",
};

export function janusVersion() {
  try {
    return execFileSync("dpkg-query", ["-W", "-f", "${Version}", "janus"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return null;
  }
}

function library() {
  for (const folder of [`/usr/lib/${execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim()}/janus`, "/usr/lib/janus"]) {
    if (existsSync(folder)) return folder;
  }
  throw new Error("Janus' plugins are in no folder that we know");
}

function answers(port) {
  return new Promise((done) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => { socket.destroy(); done(true); });
    socket.once("error", () => done(false));
  });
}

// folder: an empty folder of the caller's; returns {pid, url, stop()}.
export async function startJanus(folder, wsPort, rtpPorts) {
  const values = { FOLDER: folder, LIBRARY: library(), WS_PORT: wsPort, RTP_PORTS: rtpPorts,
    EVENT_LOOPS: eventLoops > 0 ? `event_loops = ${eventLoops}` : "" };
  mkdirSync(folder, { recursive: true });
  for (const file of FILES) {
    const text = readFileSync(join(here, file), "utf8").replace(/@([A-Z_]+)@/g, (_, name) => values[name]);
    writeFileSync(join(folder, file), text);
  }
  const log = openSync(join(folder, "janus.log"), "w");
  const child = own(spawn("janus", ["-F", folder, "-o"], { stdio: ["ignore", log, log] }));
  closeSync(log);
  child.once("error", () => {});
  for (let waited = 0; !(await answers(wsPort)); waited += 100) {
    if (waited > 15_000 || child.exitCode !== null) {
      child.kill("SIGKILL");
      throw new Error(`Janus does not answer; see ${folder}/janus.log`);
    }
    await sleep(100);
  }
  return {
    pid: child.pid,
    url: `http://127.0.0.1:${wsPort}`,
    async stop() {
      child.kill("SIGTERM");
      if ((await Promise.race([child.ended, sleep(5000).then(() => "slow")])) === "slow") child.kill("SIGKILL");
      await child.ended;
    },
  };
}
