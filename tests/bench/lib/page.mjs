// The measured tables of docs/performance.md, made from a run's results.
const cell = (value, digits) => (value === null || value === undefined ? "" : typeof value === "number" ? value.toFixed(digits) : String(value));
const count = (value) => (value === null || value === undefined ? "" : Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ","));
const table = (head, rows) => [`| ${head.join(" | ")} |`, `|${" --- |".repeat(head.length)}`, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
const late = (one) => (one?.p50_ms === null || one === undefined ? "" : [one.p50_ms, one.p95_ms, one.p99_ms].map((ms) => ms.toFixed(1)).join(" / "));
const remarks = (p) => [p.full ? "**the machine is full**" : "", p.load?.level > 0 ? `overload step ${p.load.level}` : "", p.others_cores > 0.15 ? `other programs took ${p.others_cores.toFixed(2)} cores` : "", ...p.faults].filter(Boolean).join("; ");

const SHAPES = { wall: "All live on the wall, the program to all", tiles16: "16 live tiles in the program, no wall", audio: "Sound alone" };

function capacity(points) {
  const parts = [];
  for (const [shape, name] of Object.entries(SHAPES)) {
    const mine = points.filter((p) => p.shape === shape && !p.fit), line = points.find((p) => p.shape === shape && p.fit), pictures = shape !== "audio", wall = shape === "wall";
    if (mine.length === 0) continue;
    parts.push(`**${name}**`, "", table(["endpoints", "cores", "bridge", "signaling", "simulator", "machine busy", "MB", "threads", "packets/s in", "out", "gaps", ...(pictures ? ["fps (5 %)", "frames lost"] : []), ...(wall ? ["wall fps"] : []), ""],
      mine.map((p) => [p.endpoints, `**${cell(p.cores, 2)}**`, cell(p.bridge_cores, 2), cell(p.signaling_cores, 2), cell(p.sim_cores, 2), `${Math.round(100 * p.machine_busy)} %`, count(p.rss_mb), p.threads, count(p.pps_in), count(p.pps_out), p.audio_gaps,
        ...(pictures ? [`${p.fps_median} (${p.fps_p5})`, p.frames_lost] : []), ...(wall ? [p.wall_fps_median] : []), remarks(p)])), "");
    parts.push(table(["endpoints", ...Object.keys(mine[0].groups), "sound ticks late, ms p50 / p95 / p99", ...(pictures ? ["canvas ticks late"] : [])],
      mine.map((p) => [p.endpoints, ...Object.values(p.groups).map((cores) => cell(cores, 3)), late(p.lateness_ms.audio), ...(pictures ? [late(p.lateness_ms.canvas)] : [])])), "");
    if (line) parts.push(`One more endpoint costs **${line.marginal_core_percent.toFixed(3)} % of a core** (its packets and control alone ${line.marginal_packets_core_percent.toFixed(3)} %) and ${line.marginal_mb.toFixed(2)} MB, by least squares over ${line.endpoints.join(", ")} endpoints; ` +
      `a meeting of nobody ${line.base_cores.toFixed(2)} cores, ${Math.round(line.base_mb)} MB; left over ${line.residual_cores === null ? "nothing to judge by" : `${line.residual_cores.toFixed(3)} cores, ${line.residual_mb.toFixed(1)} MB`}.`, "");
  }
  return parts;
}

const state = (p) => (p.faults.length === 0 ? "carried" : p.faults.join("; "));

function audio(points) {
  if (points.length === 0) return [];
  return ["**Sound at ours and at Janus AudioBridge: four talk in turns of 6 s**", "", table(["server", "endpoints", "cores", "of a core each", "ours / Janus", "MB", "threads", "files", "packets/s out", "kbit/s to each", "voices heard", "state"],
    points.map((p) => [p.side === "janus" ? "Janus AudioBridge" : "diemcau", p.endpoints, cell(p.cores, 3), `${cell((100 * p.cores) / p.endpoints, 3)} %`, p.side === "diemcau" ? cell(p.ratio, 3) : "", count(p.rss_mb), p.threads, p.fds, count(p.pps_out),
      Math.round((1000 * p.mbps_out) / p.endpoints), `${p.tones_heard} of ${p.tones}`, state(p)])), ""];
}

function fanout(points) {
  if (points.length === 0) return [];
  return ["**One sender (1280x720, 25 fps, talking) to many, at ours and at Janus VideoRoom**", "", table(["server", "receivers", "cores", "of them codecs", "packets/s out", "bytes each", "µs of CPU per packet", "ours / Janus", "without codecs", "ours / Janus", "MB", "threads", "fps (5 %)", "state"],
    points.map((p) => [p.side === "janus" ? "Janus VideoRoom" : "diemcau", p.receivers, cell(p.cores, 3), cell(p.codec_cores, 3), count(p.pps_out), p.bytes_per_packet, cell(p.cpu_us_per_packet, 1), p.side === "diemcau" ? cell(p.ratio, 2) : "",
      cell(p.cpu_us_per_packet_without_codecs, 1), p.side === "diemcau" ? cell(p.ratio_without_codecs, 2) : "", count(p.rss_mb), p.threads, `${p.fps_median} (${p.fps_p5})`, state(p)])), ""];
}

function times(title, points, more = []) {
  if (points.length === 0) return [];
  return [`**${title}** (milliseconds)`, "", table(["", "rooms", "n", "p5", "p50", "p95", "p99", "slowest", ...more.map(([name]) => name)],
    points.map((p) => [p.shape, p.endpoints, p.n, cell(p.p5_ms, 0), cell(p.p50_ms, 0), `**${cell(p.p95_ms, 0)}**`, cell(p.p99_ms, 0), cell(p.max_ms, 0), ...more.map(([, key]) => p[key] ?? "")])), ""];
}

const percent = (value) => (value === null || value === undefined ? "" : `${value} %`);

function weak(points) {
  if (points.length === 0) return [];
  const before = points[0].others_before, others = [...(before ? [["before", before, ""]] : []), ...points.map((p) => [p.shape, p.others, p.others_unchanged ? "yes" : "**no**"])];
  const talks = points.filter((p) => p.up !== undefined);
  const heard = talks.length === 0 ? [] : ["**What the others have of its voice and picture**", "", table(["its line", "clicks heard", "voice ms p50 / p95", "concealed", "lost on the way up", "packets/s", "picture fps", "lines", "kbit/s"],
    talks.map(({ shape, up, settings }) => [shape, percent(up.heard_percent), up.p50_ms === undefined ? "" : `${cell(up.p50_ms, 0)} / ${cell(up.p95_ms, 0)}`, percent(up.concealed_percent), percent(up.lost_percent),
      Math.round(up.packets / settings.window_s), up.fps, up.height, up.picture_kbps])), ""];
  return ["**One room on a bad line: what it has itself**", "", table(["its line", "fps (5 %)", "longest still", "picture", "concealed", "by copies", "RED", "60 ms frames", "voice ms p50 / p95", "kbit/s down"],
    points.map((p) => [p.shape, `${p.fps_median} (${p.fps_p5})`, `${count(p.freeze_ms_max)} ms`, p.picture, percent(p.audio_concealed_percent), percent(p.audio_from_copies_percent), percent(p.audio_red_percent),
      percent(p.audio_narrow_percent), `${cell(p.p50_ms, 0)} / ${cell(p.p95_ms, 0)}`, p.down_kbps ?? ""])), "",
  ...heard, `**What the ${points[0].endpoints - 1} others have meanwhile**`, "", table(["its line", "fps (least)", "sound gaps", "concealed", "packets lost", "frames broken", "keyframes", "Mbit/s", "machine busy", "unchanged"],
    others.map(([line, p, unchanged]) => [line, `${p.fps_median} (${p.fps_p5})`, p.audio_gaps, p.audio_concealed, p.video_lost, p.frames_broken, p.keyframes, p.mbps, `${Math.round(100 * p.machine_busy)} %`, unchanged])), ""];
}

/** data: points by benchmark; returns Markdown. */
export function resultsPage(data) {
  return [...capacity(data.capacity), ...audio(data.audio), ...fanout(data.fanout), ...times("Delay that the bridge adds", data.delay),
    ...times("200 rooms join at the same moment", data.join, [["keyframes forced", "keyframes"]]), ...times("What breaks, and when it is whole again", data.recover, [["events lost", "events_lost"], ["ghosts", "ghosts"]]), ...weak(data.weak)].join("\n").trimEnd();
}
