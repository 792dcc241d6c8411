// 200 endpoints with sound alone, four of them talking, at our bridge and at a Janus AudioBridge, one after the other: CPU
// time of the servers' processes for the same packets in and a stream of 50 packets/s to everybody out.
//   make bench-audio      ENDPOINTS=200 STEPS=50,100,150,200 SECONDS_WINDOW=12 EVENT_LOOPS=0 (of Janus; 0 is its default) as variables
// Prints a table and appends one JSON object per point to build/bench/audio.jsonl.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { janusSettings, janusVersion, startJanus } from "./janus/janus.mjs";
import { faults, point, simulate, startDiemcau } from "./janus/peer.mjs";
import { about, append, main, number, quick, table } from "./lib/stage.mjs";

const endpoints = Number((process.env.ENDPOINTS ?? "200").split(" ").at(-1)), window_s = number("SECONDS_WINDOW", 12, 8);
const steps = (process.env.STEPS ?? (quick ? "100,150,200" : "50,100,150,200")).split(",").map(Number).filter((n) => n <= endpoints);
const talk = process.env.TALK ?? "4:6";
const folder = mkdtempSync(join(tmpdir(), "diemcau-bench-audio-"));
const common = about();
const settings = { talk, sound: "Opus 20 ms, silence as DTX (one packet per 400 ms), 48 kHz", window_s,
  diemcau: "trial meeting, no picture in either direction, defaults", janus: `${janusSettings.audiobridge}; ${janusSettings.event_loops}; ${janusSettings.common}` };
const due = (n) => 50 * n;

async function measure(side, n) {
  const place = join(folder, `${side}-${n}`);
  const server = side === "janus" ? await startJanus(place, 19388, "21000-23999") : await startDiemcau();
  if (side === "janus") Object.assign(server, { media: server.pid, watch: { janus: server.pid } });
  const who = side === "janus" ? ["--janus", "audiobridge"] : ["--data", server.data, "--no-picture"];
  try {
    const totals = await simulate(server, place, [...who, "--count", String(n), "--talk", talk, "--shape", "audio"], window_s);
    const result = point("audio", side, totals);
    result.faults = faults(result, due(n));
    result.cores_each = result.cores / n;
    return result;
  } finally {
    await server.stop();
  }
}

function row(p) {
  return [p.side === "janus" ? "Janus AudioBridge" : "diemcau", p.endpoints, p.cores.toFixed(3), (p.cores * 100 / p.endpoints).toFixed(3) + " %",
    Math.round(p.rss_mb), p.threads, p.fds, p.pps_in, p.pps_out, Math.round((1000 * p.mbps_out) / p.endpoints), p.audio_gaps, `${p.tones_heard}/${p.tones}`, p.sim_cores.toFixed(2), p.others_cores.toFixed(2),
    p.faults.length > 0 ? p.faults.join("; ") : "carried"];
}

await main("audio", async () => {
  const points = [];
  const version = janusVersion();
  const peer = version === null ? null : `Janus AudioBridge ${version}`;
  if (peer === null) console.error("Janus is not installed (config/packages/install.sh bench): only our side is measured");
  let carried = 0;
  for (const n of peer === null ? [] : steps) {
    const p = await measure("janus", n);
    points.push(p);
    console.error(`Janus, ${n} endpoints: ${p.cores.toFixed(3)} cores, ${p.faults.join("; ") || "carried"}`);
    if (p.faults.length > 0) break;
    carried = n;
  }
  for (const n of [...new Set([carried, endpoints])].filter((n) => n > 0)) {
    const p = await measure("diemcau", n);
    points.push(p);
    console.error(`diemcau, ${n} endpoints: ${p.cores.toFixed(3)} cores, ${p.faults.join("; ") || "carried"}`);
  }
  const at = (side, n) => points.find((p) => p.side === side && p.endpoints === n);
  for (const p of points) {
    const ours = at("diemcau", p.endpoints), theirs = at("janus", p.endpoints);
    p.ratio = ours && theirs ? Number((ours.cores / theirs.cores).toFixed(4)) : null;
  }
  console.log(`\nSound of ${endpoints} endpoints, talk ${talk}, ${window_s} s windows; ${common.machine.cpus} x ${common.machine.cpu}; ${common.versions.diemcau} ${common.versions.commit}; ${peer ?? "no Janus"}`);
  console.log(table([["server", "endpoints", "cores", "of a core each", "MB", "threads", "fds", "pps in", "pps out", "kbit/s each", "gaps", "tones", "sim cores", "others", "state"], ...points.map(row)]));
  if (peer !== null && carried < endpoints) console.log(`  Janus carried ${carried} here; it stopped at ${points.filter((p) => p.side === "janus").at(-1).endpoints}.`);
  for (const p of points.filter((each) => each.side === "diemcau" && each.ratio !== null)) {
    console.log(`  ratio at ${p.endpoints} endpoints (CPU of ours / of Janus): ${p.ratio}; goal 0.1`);
  }
  for (const p of points.filter((p) => p.side === "diemcau")) console.log(`  bridge at ${p.endpoints}, cores by thread: ${Object.entries(p.threads_cores).map(([name, cores]) => `${name} ${cores.toFixed(3)}`).join(", ")}`);
  console.log(`  settings of Janus: ${settings.janus}`);
  for (const p of points) append("audio", { ...p, peer, ...common, versions: { ...common.versions, janus: version }, settings });
  rmSync(folder, { recursive: true, force: true });
});
