// One sender and 200 receivers at our bridge and at a Janus VideoRoom, one after the other: CPU time of the servers'
// processes per packet that leaves. The two do not do the same work: Janus forwards the sender's own packets, we decode,
// compose the meeting's picture, encode it once and send that to all. So the whole of our CPU time is counted against
// each packet, and the codecs' share of it is told beside.
//   make bench-fanout     RECEIVERS=200 STEPS=50,100,200 SECONDS_WINDOW=12 CAMERA=1280x720@25:1500 EVENT_LOOPS=0 (of Janus; 0 is its
//   default) as variables
// Prints a table and appends one JSON object per point to build/bench/fanout.jsonl.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { janusSettings, janusVersion, startJanus } from "./janus/janus.mjs";
import { faults, point, simulate, startDiemcau } from "./janus/peer.mjs";
import { about, append, main, number, quick, table } from "./lib/stage.mjs";

const receivers = number("RECEIVERS", 200), window_s = number("SECONDS_WINDOW", 12, 8);
const steps = (process.env.STEPS ?? (quick ? "200" : "50,100,200")).split(",").map(Number).filter((n) => n <= receivers);
const camera = process.env.CAMERA ?? "1280x720@25:1500";
const folder = mkdtempSync(join(tmpdir(), "diemcau-bench-fanout-"));
const common = about();
const settings = { camera, sound: "the sender talks without pause, the others send nothing", window_s,
  diemcau: "trial meeting, program in layout 1+7 with one camera, defaults",
  janus: `${janusSettings.videoroom}; ${janusSettings.event_loops}; ${janusSettings.common}` };
const CODEC_THREADS = /^(canvas|encoder|encode|decode|studio|vp8|vpx|mixer|audio|.*:(src|sink))/;

async function measure(side, n) {
  const place = join(folder, `${side}-${n}`);
  const server = side === "janus" ? await startJanus(place, 19388, "21000-23999") : await startDiemcau();
  if (side === "janus") Object.assign(server, { media: server.pid, watch: { janus: server.pid } });
  const who = side === "janus" ? ["--janus", "videoroom"] : ["--data", server.data, "--senders", "1"];
  try {
    const totals = await simulate(server, place,
      [...who, "--count", String(n + 1), "--camera", camera, "--talk", "0", "--shape", "fanout"], window_s);
    const result = point("fanout", side, totals);
    // Janus owes every receiver what the sender sent; we owe sound at 50 packets/s and a picture at the canvas' rate.
    result.faults = faults(result, side === "janus" ? n * totals.pps_in : 50 * n);
    if (totals.fps_p5 < 20) result.faults.push(`5 % of the receivers' seconds have ${totals.fps_p5} pictures or fewer`);
    result.receivers = n;
    result.bytes_per_packet = Math.round((totals.mbps_out * 1e6) / 8 / totals.pps_out);
    result.cpu_us_per_packet = (result.cores * 1e6) / result.pps_out;
    if (side === "diemcau") {
      result.codec_cores = Object.entries(result.threads_cores).reduce((sum, [name, cores]) => sum + (CODEC_THREADS.test(name) ? cores : 0), 0);
      result.cpu_us_per_packet_without_codecs = ((result.cores - result.codec_cores) * 1e6) / result.pps_out;
    }
    return result;
  } finally {
    await server.stop();
  }
}

function row(p) {
  return [p.side === "janus" ? "Janus VideoRoom" : "diemcau", p.receivers, p.cores.toFixed(3), p.codec_cores?.toFixed(3) ?? "-",
    p.pps_out, p.bytes_per_packet, p.cpu_us_per_packet.toFixed(2), p.cpu_us_per_packet_without_codecs?.toFixed(2) ?? "-",
    Math.round(p.rss_mb), p.threads, p.fds, p.fps_median, p.fps_p5, p.sim_cores.toFixed(2), p.others_cores.toFixed(2), p.faults.length > 0 ? p.faults.join("; ") : "carried"];
}

await main("fanout", async () => {
  const points = [];
  const version = janusVersion();
  const peer = version === null ? null : `Janus VideoRoom ${version}`;
  if (peer === null) console.error("Janus is not installed (config/packages/install.sh bench): only our side is measured");
  let carried = 0;
  for (const n of peer === null ? [] : steps) {
    const p = await measure("janus", n);
    points.push(p);
    console.error(`Janus, ${n} receivers: ${p.cores.toFixed(3)} cores, ${p.faults.join("; ") || "carried"}`);
    if (p.faults.length > 0) break;
    carried = n;
  }
  for (const n of [...new Set([carried, receivers])].filter((n) => n > 0)) {
    const p = await measure("diemcau", n);
    points.push(p);
    console.error(`diemcau, ${n} receivers: ${p.cores.toFixed(3)} cores, ${p.faults.join("; ") || "carried"}`);
  }
  const at = (side, n) => points.find((p) => p.side === side && p.receivers === n);
  for (const p of points) {
    const ours = at("diemcau", p.receivers), theirs = at("janus", p.receivers);
    p.ratio = ours && theirs ? Number((ours.cpu_us_per_packet / theirs.cpu_us_per_packet).toFixed(4)) : null;
    p.ratio_without_codecs = ours && theirs ? Number((ours.cpu_us_per_packet_without_codecs / theirs.cpu_us_per_packet).toFixed(4)) : null;
  }
  console.log(`\nOne sender (${camera}) to ${receivers} receivers, ${window_s} s windows; ${common.machine.cpus} x ${common.machine.cpu}; ${common.versions.diemcau} ${common.versions.commit}; ${peer ?? "no Janus"}`);
  console.log(table([["server", "receivers", "cores", "codecs", "pps out", "bytes", "us/packet", "without codecs", "MB", "threads", "fds", "fps", "fps p5", "sim cores", "others", "state"], ...points.map(row)]));
  console.log("  Janus forwards the sender's packets; we decode, compose and encode once, then send that to all. 'bytes' is payload per packet.");
  if (peer !== null && carried < receivers) console.log(`  Janus carried ${carried} here; it stopped at ${points.filter((p) => p.side === "janus").at(-1).receivers}.`);
  for (const p of points.filter((each) => each.side === "diemcau" && each.ratio !== null)) {
    console.log(`  ratio at ${p.receivers} receivers, CPU per packet (ours / Janus): ${p.ratio}, without our codecs ${p.ratio_without_codecs}; goal 0.5`);
  }
  for (const p of points.filter((p) => p.side === "diemcau")) console.log(`  bridge at ${p.receivers}, cores by thread: ${Object.entries(p.threads_cores).map(([name, cores]) => `${name} ${cores.toFixed(3)}`).join(", ")}`);
  console.log(`  settings of Janus: ${settings.janus}`);
  for (const p of points) append("fanout", { ...p, peer, ...common, versions: { ...common.versions, janus: version }, settings });
  rmSync(folder, { recursive: true, force: true });
});
