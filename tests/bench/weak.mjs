// One room on a bad line among healthy ones: what it still sees and hears, and that nobody else notices.
//   loss       5 to 30 % of the packets of each way are dropped at random (nftables)
//   rate       50 to 300 kbit/s each way with a queue of 300 ms behind a bucket of 3000 bytes (tbf): 780 ms when full at 50
//   delay      150 and 400 ms each way with jitter, by a relay between two TUN devices (kernels without netem)
// The server and the healthy rooms are in a network namespace of the benchmark's own, the weak room in another one behind it.
// In the cases "talks" the weak room speaks: what its voice is at another room (clicks by the machine's clock), and what comes
// of its voice and picture at the bridge (downlinks and uplinks write both into the log).
// Two of the cases once more with a real browser as the weak room, where there is one.
//   make bench-weak            ROOMS=20 ADAPT_S=6 (narrow lines 15) WINDOW_S=8 (20) CASES="loss 30 %,50 kbit/s" SETTINGS=log.level=debug as variables
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { openPresenter, openRoom, readSlides, watch } from "./lib/chromium.mjs";
import { about, append, endAll, main, now_us, number, out, own, percentiles, Product, quick, sleep, table } from "./lib/stage.mjs";
import { machineBusy, machineTimes } from "./lib/usage.mjs";

const rooms = number("ROOMS", 20);
const adapt_s = number("ADAPT_S", 6);
const window_s = number("WINDOW_S", 8, 6);
// A still comes every 4 s, and reports of a full line late: narrow lines are looked at for longer.
const narrow_adapt_s = number("ADAPT_S", 15, 10);
const narrow_window_s = number("WINDOW_S", 20, 12);
// Slides are turned so often, for longer than the window: seldom enough that each has its time.
const SLIDE_EVERY_S = 8;
const SLIDES_MORE_S = 20;
const times = ({ kbps }) => (kbps !== undefined ? { adapt: narrow_adapt_s, window: narrow_window_s } : { adapt: adapt_s, window: window_s });
// The server's end and the weak room's, of the cable (veth) and of the relay. The agent binds a leg to its interface, so a leg
// lives on one of them from its beginning.
const CABLE = ["10.99.47.1", "10.99.47.2"];
const RELAY = ["10.99.48.1", "10.99.48.2"];

const CASES = [
  { name: "clean line" },
  { name: "loss 5 %", loss: 5 },
  { name: "loss 10 %", loss: 10 },
  { name: "loss 20 %", loss: 20 },
  { name: "loss 30 %", loss: 30 },
  { name: "300 kbit/s", kbps: 300 },
  { name: "150 kbit/s", kbps: 150 },
  { name: "50 kbit/s", kbps: 50 },
  { name: "150 +- 50 ms", delay_ms: 150, jitter_ms: 50 },
  { name: "400 +- 100 ms", delay_ms: 400, jitter_ms: 100 },
  { name: "talks: clean line", talks: true },
  { name: "talks: loss 20 %", loss: 20, talks: true },
  { name: "talks: loss 30 %", loss: 30, talks: true, asked: true },
  { name: "talks: 300 kbit/s", kbps: 300, talks: true, asked: true },
  { name: "talks: 150 kbit/s", kbps: 150, talks: true, asked: true },
  { name: "talks: 50 kbit/s", kbps: 50, talks: true },
  { name: "Chromium: loss 20 %", loss: 20, browser: true },
  { name: "Chromium: 150 kbit/s", kbps: 150, browser: true },
  { name: "Chromium: 50 kbit/s", kbps: 50, browser: true },
  { name: "slides: 300 kbit/s", kbps: 300, browser: true, slides: true, asked: true },
  { name: "slides: 150 kbit/s", kbps: 150, browser: true, slides: true, asked: true },
];
// Those that are "asked" run when CASES names them: the others are enough for every time.
const QUICK = ["clean line", "loss 30 %", "50 kbit/s", "400 +- 100 ms"];
const wanted = process.env.CASES?.split(",") ?? (quick ? QUICK : CASES.filter(({ asked }) => !asked).map(({ name }) => name));

const run = (program, ...words) => execFileSync(program, words, { stdio: ["ignore", "pipe", "pipe"] });

/** The line between the two namespaces; all of it ends with this program. */
class Line {
  async open() {
    this.holder = own(spawn("unshare", ["-n", "sleep", "900"], { stdio: "ignore" }));
    const ours = readlinkSync("/proc/self/ns/net");
    for (let i = 0; readlinkSync(`/proc/${this.holder.pid}/ns/net`) === ours; i++) {
      if (i > 100) throw new Error("no second network namespace");
      await sleep(20);
    }
    this.through = ["nsenter", `--net=/proc/${this.holder.pid}/ns/net`];
    run("ip", "link", "add", "weak0", "type", "veth", "peer", "name", "weak1");
    run("ip", "link", "set", "weak1", "netns", String(this.holder.pid));
    this.relay = own(spawn(join(out, "weak_relay"), [String(this.holder.pid), "kept", "weakd0", "weakd1"], { stdio: ["pipe", "pipe", "inherit"] }));
    await new Promise((done, fail) => {
      this.relay.stdout.once("data", done);
      this.relay.once("exit", () => fail(new Error("the relay has no TUN device (/dev/net/tun)")));
    });
    this.there("ip", "link", "set", "lo", "up");
    for (const [i, device] of ["weak0", "weakd0"].entries()) run("ip", "addr", "add", `${[CABLE, RELAY][i][0]}/30`, "dev", device);
    for (const [i, device] of ["weak1", "weakd1"].entries()) this.there("ip", "addr", "add", `${[CABLE, RELAY][i][1]}/30`, "dev", device);
    // One packet at a time: a train that is sent as one would be lost as one.
    for (const device of ["weak0", "weakd0"]) run("ip", "link", "set", device, "up", "gso_max_segs", "1");
    this.there("ip", "link", "set", "weak1", "gso_max_segs", "1");
  }

  /** Before the room joins: which of the two ways it has. */
  prepare({ delay_ms }) {
    this.there("ip", "link", "set", delay_ms === undefined ? "weakd1" : "weak1", "down");
    this.there("ip", "link", "set", delay_ms === undefined ? "weak1" : "weakd1", "up");
    return delay_ms === undefined ? CABLE[0] : RELAY[0];
  }

  there(...words) {
    return run(this.through[0], ...this.through.slice(1), ...words);
  }

  both(func) {
    func((...words) => run(...words), "weak0");
    func((...words) => this.there(...words), "weak1");
  }

  spoil({ loss, kbps, delay_ms, jitter_ms }) {
    if (loss !== undefined)
      this.both((on, device) => {
        on("nft", "add", "table", "netdev", "weak");
        on("nft", "add", "chain", "netdev", "weak", "in", `{ type filter hook ingress device ${device} priority 0; }`);
        on("nft", "add", "rule", "netdev", "weak", "in", "numgen", "random", "mod", "100", "<", String(loss), "drop");
      });
    if (kbps !== undefined)
      this.both((on, device) => on("tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", `${kbps}kbit`, "burst", "3000", "latency", "300ms"));
    if (delay_ms !== undefined) this.relay.stdin.write(`${delay_ms} ${jitter_ms}\n`);
  }

  mend({ loss, kbps, delay_ms }) {
    if (loss !== undefined) this.both((on) => on("nft", "delete", "table", "netdev", "weak"));
    if (kbps !== undefined) this.both((on, device) => on("tc", "qdisc", "del", "dev", device, "root"));
    if (delay_ms !== undefined) this.relay.stdin.write("0 0\n");
  }
}

/** Plain HTTP is served on loopback alone: a door for the weak room. */
function door(host, port) {
  const server = net.createServer((socket) => {
    const inner = net.connect(port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    for (const end of [socket, inner]) end.on("error", () => (socket.destroy(), inner.destroy()));
  });
  return new Promise((done) => server.listen(port, host, () => done(server)));
}

const total = (lines, key) => lines.reduce((sum, line) => sum + line[key], 0);
const least = (lines, key) => Math.min(...lines.map((line) => line[key]));
const median = (lines, key) => lines.map((line) => line[key]).sort((a, b) => a - b)[Math.floor(lines.length / 2)];

/** The healthy rooms between two moments, from what the simulator wrote down every second. */
function others(file, from_us, to_us) {
  const lines = readFileSync(file, "utf8").split("\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line))
    .filter(({ at_us }) => at_us - 1_000_000 >= from_us && at_us <= to_us);
  return { seconds: lines.length, fps_median: median(lines, "fps_median"), fps_p5: least(lines, "fps_min"), audio_gaps: total(lines, "audio_gaps"),
    audio_late: total(lines, "audio_late"), audio_concealed: total(lines, "audio_concealed"), video_lost: total(lines, "video_lost"),
    frames_broken: total(lines, "frames_broken"), keyframes: total(lines, "keyframes"), plis_sent: total(lines, "plis_sent"),
    mbps: Math.round(total(lines, "video_bytes") * 8 / 1e4 / lines.length) / 100 };
}

/** What the second room heard of the weak one's clicks in a window. */
function clicks(heard, { from_us, to_us }) {
  const late = (heard.course_voice ?? []).map(([s, ms]) => [heard.course_voice_from_us + s * 1e6, ms])
    .filter(([at_us]) => at_us >= from_us && at_us <= to_us).map(([, ms]) => ms);
  const { p50_ms, p95_ms, n } = percentiles(late);
  return { heard_percent: Math.min(100, Math.round(100 * n / ((to_us - from_us) / 500_000))), p50_ms, p95_ms };
}

/** What the bridge wrote down of a seat (the first room has seat 1): what came of its voice and picture between two moments. */
function uplink(log, { seat, from_us, to_us }) {
  const skew_ms = Date.now() - now_us() / 1000;
  const rows = log.filter((text) => text.includes(` seat=${seat} `)).map((text) => ({ at_us: (Date.parse(text.split(" ")[0]) - skew_ms) * 1000,
    ...Object.fromEntries([...text.matchAll(/ (\w+)=([\d.]+)/g)].map(([, key, value]) => [key, Number(value)])) }))
    .filter(({ at_us }) => at_us >= from_us && at_us <= to_us);
  if (rows.length < 2) return {};
  const [first, last] = [rows[0], rows.at(-1)];
  const more = (key) => last[key] - first[key];
  const missed = more("lost") + more("repaired");
  const middle = (key) => rows.map((row) => row[key]).sort((a, b) => a - b)[Math.floor(rows.length / 2)];
  return { concealed_percent: share(more("concealed"), more("decoded") + more("concealed")), lost_percent: share(missed, more("voice") + missed),
    repaired_percent: share(more("repaired"), more("voice") + missed), fec: more("fec"), late: more("late"), packets: more("voice"), target_ms: middle("target_ms"), held_ms: middle("held_ms"),
    picture_kbps: Math.round(middle("picture_bps") / 1000), fps: middle("fps"), height: middle("height"), picture_loss: middle("picture_loss") };
}

const share = (part, whole) => (whole > 0 ? Math.round(1000 * part / whole) / 10 : null);

function seen(room, seconds) {
  return {
    fps_median: room.fps_median, fps_p5: room.fps_p5, freeze_ms_max: room.freeze_ms_max, frozen_ms: Math.round(room.frozen_us / 1000), picture: `${room.width}x${room.height}`,
    frames_broken: room.frames_broken, keyframes: room.keyframes, plis_sent: room.plis_sent, video_lost: room.video_lost, video_recovered: room.video_recovered,
    audio_gaps: room.audio_gaps, audio_concealed_percent: share(room.audio_concealed, room.audio_due), audio_from_copies_percent: share(room.audio_from_copies, room.audio_due),
    audio_red_percent: share(room.audio_red, room.audio_packets), audio_narrow_percent: share(room.audio_narrow, room.audio_packets), audio_packets: room.audio_packets,
    p50_ms: room.voice_ms[0] < 0 ? null : room.voice_ms[0], p95_ms: room.voice_ms[1] < 0 ? null : room.voice_ms[1], buffer_ms: room.buffer_ms, picture_ms: room.picture_ms,
    rtt_ms: room.rtt_ms, voice_on_time_ms: room.voice_on_time_ms, down_kbps: Math.round((room.audio_bytes + room.video_bytes) * 8 / 1000 / seconds), claimed_kbps: room.claimed_kbps, up_kbps: room.up_kbps, legs: room.legs,
  };
}

async function once(product, line, every, links, one) {
  const host = line.prepare(one);
  const sim = product.simulate(["--http", `http://${host}:${product.port}`, "--links", links, "--count", "1", "--each", "--remb", "0", "--no-gro",
    ...(one.talks ? ["--talk", "0", "--clicks"] : ["--talk", "none"]), "--settle", String(times(one).adapt), "--window", String(times(one).window), "--seconds", "60"], `weak-${one.name.replace(/\W+/g, "-")}`, line.through);
  await sim.settled();
  line.spoil(one);
  try {
    await sim.measuring();
    const [from_us, began] = [now_us(), machineTimes()];
    const totals = await sim.finish();
    const { busy } = machineBusy(began, machineTimes());
    const window = one.talks ? { from_us, to_us: now_us(), seat: rooms + 1 } : null;
    return { room: seen(totals.rooms[0], times(one).window), window, others: { ...others(every, from_us, now_us()), machine_busy: busy } };
  } finally {
    line.mend(one);
  }
}

/** The same with a real browser; null where it cannot be had. */
async function onceInBrowser(product, line, every, [link, presenting], one) {
  const origin = `http://${line.prepare(one)}:${product.port}`;
  let page;
  let presenter;
  try {
    if (one.slides) presenter = await openPresenter({ product, link: presenting.url, name: presenting.name });
    page = await openRoom({ folder: product.data, through: line.through, origin, link });
  } catch (error) {
    console.log(`bench-weak: ${one.name}: skipped, no browser here: ${error.message.split("\n")[0]}`);
    return null;
  }
  line.spoil(one);
  try {
    await sleep(times(one).adapt * 1000);
    const [from_us, began] = [now_us(), machineTimes()];
    const slides = one.slides ? readSlides(page.room, presenter, times(one).window + SLIDES_MORE_S, SLIDE_EVERY_S) : null;
    const room = { ...(await watch(page.room, times(one).window)), slides_readable_ms: await slides };
    const window = { from_us, to_us: now_us(), seat: rooms + 2 };
    return { room, window, others: { ...others(every, from_us, now_us()), machine_busy: machineBusy(began, machineTimes()).busy } };
  } finally {
    line.mend(one);
    await page.browser.close();
    await presenter?.end();
  }
}

async function bench(product, line) {
  const links = JSON.parse(await product.cli("roster", "link", "--all", "--json"));
  const files = { many: join(product.data, "many.json"), weak: join(product.data, "weak.json"), every: join(product.data, "every.jsonl") };
  writeFileSync(files.many, JSON.stringify(links.slice(0, rooms)));
  writeFileSync(files.weak, JSON.stringify(links.slice(rooms, rooms + 1)));
  const healthy = product.simulate(["--links", files.many, "--talk", "0", "--hears", "--settle", "3", "--seconds", "900", "--each", "--every", files.every]);
  await healthy.measuring();
  const [from_us, began] = [now_us(), machineTimes()];
  await sleep(window_s * 1000);
  const before = { ...others(files.every, from_us, now_us()), machine_busy: machineBusy(began, machineTimes()).busy };
  const results = [];
  for (const one of CASES.filter(({ name }) => wanted.includes(name))) {
    const result = one.browser ? await onceInBrowser(product, line, files.every, [links[rooms + 1].url, links[rooms + 2]], one) : await once(product, line, files.every, files.weak, one);
    if (result !== null) results.push({ one, ...result });
  }
  healthy.child.kill("SIGINT");
  const heard = await healthy.finish();
  const log = readFileSync(join(product.data, "server.log"), "utf8").split("\n").filter((text) => text.includes(" uplink.line "));
  for (const result of results) if (result.window) result.room.up = { ...(result.one.browser ? {} : clicks(heard, result.window)), ...uplink(log, result.window) };
  return { before, results };
}

const cell = (value, unit = "") => (value === null || value === undefined ? "-" : `${value} ${unit}`.trim());

function tell({ before, results }) {
  const common = about();
  const settings = { rooms, talk: "0", queue_ms: 300 };
  const unchanged = (rest) => rest.audio_gaps <= before.audio_gaps && rest.video_lost <= before.video_lost && rest.frames_broken <= before.frames_broken
    && rest.fps_median >= before.fps_median - 1;
  for (const { one, room, others: rest } of results)
    append("weak", { shape: one.name, endpoints: rooms + 1, ...room, others_unchanged: unchanged(rest), others_audio_gaps: rest.audio_gaps,
      others_frames_lost: rest.frames_broken, others_packets_lost: rest.video_lost, others_fps_median: rest.fps_median, others_fps_p5: rest.fps_p5,
      others: rest, others_before: before, settings: { ...settings, adapt_s: times(one).adapt, window_s: times(one).window }, ...common });
  const { machine, versions } = common;
  console.log(`\nweak: ${rooms} rooms and one on a bad line; ${machine.cpus} x ${machine.cpu}, load ${machine.load}, ${versions.diemcau} ${versions.commit}\n`);
  console.log(table([["the weak room", "frames/s", "5 %", "longest still", "picture", "concealed", "by copies", "RED", "60 ms", "voice p50", "p95", "on time after", "buffer", "keyframes", "picture age p50", "p95", "kbit/s down"],
    ...results.map(({ one, room }) => [one.name, room.fps_median, room.fps_p5, cell(room.freeze_ms_max, "ms"), room.picture, cell(room.audio_concealed_percent, "%"), cell(room.audio_from_copies_percent, "%"),
      cell(room.audio_red_percent, "%"), cell(room.audio_narrow_percent, "%"), cell(room.p50_ms), cell(room.p95_ms), cell(room.voice_on_time_ms, "ms"), room.buffer_ms, room.keyframes, cell(room.picture_ms?.[0]), cell(room.picture_ms?.[1]), room.down_kbps])]));
  const talks = results.filter(({ room }) => room.up);
  if (talks.length > 0)
    console.log(`\n${table([["of its voice and picture at the others", "clicks heard", "p50", "p95", "concealed", "lost up", "by copies", "held", "packets/s", "frames/s", "lines", "kbit/s"],
      ...talks.map(({ one, room: { up } }) => [one.name, cell(up.heard_percent, "%"), cell(up.p50_ms), cell(up.p95_ms), cell(up.concealed_percent, "%"), cell(up.lost_percent, "%"),
        cell(up.repaired_percent, "%"), cell(up.held_ms, "ms"), cell(Math.round(up.packets / times(one).window)), cell(up.fps), cell(up.height), cell(up.picture_kbps)])])}`);
  const shown = results.filter(({ room }) => room.slides_readable_ms);
  if (shown.length > 0)
    console.log(`\n${table([["slides, readable after", "n", "p50", "slowest", "voice invented"], ...shown.map(({ one, room }) => {
      const { p50_ms, max_ms, n } = percentiles(room.slides_readable_ms);
      return [one.name, n, cell(p50_ms, "ms"), cell(max_ms, "ms"), cell(room.audio_concealed_percent, "%")];
    })])}`);
  const row = (name, rest) => [name, rest.fps_median, rest.fps_p5, rest.audio_gaps, rest.audio_concealed, rest.video_lost, rest.frames_broken, rest.keyframes, rest.mbps, `${Math.round(100 * rest.machine_busy)} %`];
  console.log(`\n${table([["the others meanwhile", "frames/s", "least", "sound gaps", "concealed", "packets lost", "frames broken", "keyframes", "Mbit/s", "machine busy"],
    row("before", before), ...results.map(({ one, others: rest }) => row(one.name, rest))])}\n`);
  const hurt = results.filter(({ others: rest }) => !unchanged(rest));
  console.log(hurt.length === 0 ? "  Nobody else lost a packet, a frame or a syllable." : `  The others lost something during: ${hurt.map(({ one }) => one.name).join(", ")}.`);
  if (hurt.some(({ others: rest }) => rest.machine_busy > 0.9)) console.log("  The machine was busy then: this run measured the machine.");
}

// Bad lines need namespaces of our own: this program runs again in the first of them.
function entersNamespace() {
  if (process.env.IN_NAMESPACE) return false;
  const missing = ["nft", "tc", "ip", "unshare", "nsenter"].filter((tool) => spawnSync(tool, ["-V"]).error !== undefined);
  if (process.getuid() !== 0 || missing.length > 0) {
    console.log(process.getuid() !== 0 ? "bench-weak: skipped: bad lines are made of network namespaces, and that needs root"
      : `bench-weak: skipped: it needs ${missing.join(", ")} (packages nftables, iproute2, util-linux)`);
    return true;
  }
  const inside = spawn("unshare", ["-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", process.execPath, ...process.argv.slice(1)],
    { stdio: "inherit", env: { ...process.env, IN_NAMESPACE: "1" } });
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => inside.kill("SIGTERM")); // it ends what it started
  inside.once("exit", (code) => (process.exitCode = code ?? 1));
  return true;
}

async function measure() {
  // A benchmark that hangs must not hold up the others.
  setTimeout(() => (console.error("bench-weak: not done within 660 s"), void endAll().then(() => process.exit(1))), 660_000).unref();
  const line = new Line();
  let product;
  let doors = [];
  try {
    await line.open();
    const port = number("HTTP_PORT", 18380);
    const hosts = [CABLE[0], RELAY[0]];
    product = await Product.start(["log.level=debug", ...(process.env.SETTINGS?.split(",") ?? []), `media.addresses=127.0.0.1 ${hosts.join(" ")}`, `http.origins=${hosts.map((host) => `http://${host}:${port}`).join(" ")}`]);
    doors = await Promise.all(hosts.map((host) => door(host, port)));
    tell(await bench(product, line));
  } finally {
    for (const service of doors) service.close();
    await product?.end(process.env.KEEP === "1"); // KEEP=1: the logs stay, to look at
  }
  process.exit(process.exitCode ?? 0); // connections of the door may be open still
}

if (!entersNamespace()) await main("weak", measure);
