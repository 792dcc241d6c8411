// What breaks, and how long until it is whole again, with every room in the meeting and four of them speaking:
//   line       all lines are cut for 10 s (packets both ways dropped by nftables, in a network namespace of the benchmark's
//              own: real TCP and real silence), counted from the moment they carry again
//   bridge     the bridge is killed (SIGKILL), counted from then
//   signaling  the signaling server is killed: the media must not stop, control comes back
// For each: until every room hears and sees again, until it is in its seat again, and the events of the log before and after.
//   make bench-recover            ROOMS=200 RUNS=2 SHAPES=line,bridge,signaling CUT_S=10 as variables
import { execFileSync, spawnSync } from "node:child_process";
import { main, now_us, number, percentiles, Product, report, sleep, usage } from "./lib/stage.mjs";

const rooms = number("ROOMS", 200);
const runs = number("RUNS", 2, 1);
const cut_s = number("CUT_S", 10);
const shapes = (process.env.SHAPES ?? "line,bridge,signaling").split(",");
const PAUSE_US = 300_000; // the simulator writes down pauses from here

const BREAKS = {
  async line(product) {
    const rule = (...words) => execFileSync("nft", words);
    rule("add", "table", "inet", "cut");
    rule("add", "chain", "inet", "cut", "input", "{ type filter hook input priority 0 ; policy drop ; }");
    const cut_us = now_us();
    await sleep(cut_s * 1000);
    rule("delete", "table", "inet", "cut");
    return { broken_us: cut_us, from_us: now_us() };
  },
  bridge: (product) => kill(product, "bridge"),
  signaling: (product) => kill(product, "signaling"),
};

function kill(product, name) {
  const at_us = now_us();
  process.kill(product.child(name), "SIGKILL");
  return { broken_us: at_us, from_us: at_us };
}

// For each room: 0 when it had no pause, else until the end of its last pause that began around or after the break.
function back(timeline, what, moment) {
  const rooms_back = new Map(timeline.filter((line) => line.t === "start").map((line) => [line.n, 0]));
  for (const line of timeline) {
    if (line.t !== what || line.from_us === 0 || line.at_us < moment.broken_us) continue;
    rooms_back.set(line.n, Math.max(rooms_back.get(line.n), (line.at_us - moment.from_us) / 1000));
  }
  return [...rooms_back.values()];
}

// The whole run with the break in it. Of a process that was killed only the old one was watched: its figures mean nothing.
function spentIn(shape, totals) {
  const spent = usage(totals);
  return shape === "line" ? spent : { ...spent, cores: null, bridge_cores: null, signaling_cores: null, rss_mb: null, threads: null, fds: null };
}

const events = async (product) => JSON.parse(await product.cli("check", "--json")).rows;

async function once(shape) {
  const product = await Product.start();
  const sim = product.simulate(["--count", String(rooms), "--join-over", "2000", "--settle", "1", "--talk", "4:6", "--seconds", "120", ...product.watch()]);
  await sim.settled();
  await sleep(4000);
  const rows = await events(product);
  const moment = await BREAKS[shape](product);
  // All have come back when nobody is silent any more; lines are written only at the end of a pause, so wait for the seats too.
  await product.until("the seats", async () => (await product.metric('diemcau_seats{state="present"}')) === rooms, 45_000);
  await product.until("the legs", async () => (await product.metric('diemcau_legs{state="live"}')) === rooms, 45_000);
  await sleep(shape === "line" ? 8000 : 5000);
  const ghosts = (await product.metric('diemcau_legs{state="live"}')) - rooms;
  const after = await events(product);
  sim.child.kill("SIGINT");
  const totals = await sim.finish();
  const timeline = sim.timeline();
  await product.end(process.env.KEEP === "1"); // KEEP=1: the logs stay, to look at
  return { picture: back(timeline, "picture", moment), voice: back(timeline, "voice", moment), control: back(timeline, "control", moment),
    events: after - rows, ghosts, live: totals.live, totals };
}

// Line cuts need a namespace of our own: this program runs again in it.
function entersNamespace() {
  if (!shapes.includes("line") || process.env.IN_NAMESPACE) return false;
  for (const tool of ["nft", "ip", "unshare"]) {
    if (spawnSync(tool, ["--version"]).error === undefined) continue;
    console.error(`bench-recover: cutting lines needs ${tool} (packages nftables, iproute2, util-linux); or SHAPES=bridge,signaling`);
    process.exitCode = 1;
    return true;
  }
  const flags = process.getuid() === 0 ? ["-n"] : ["-U", "-r", "-n"];
  const inside = spawnSync("unshare", [...flags, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", process.execPath, ...process.argv.slice(1)],
    { stdio: "inherit", env: { ...process.env, IN_NAMESPACE: "1" } });
  process.exitCode = inside.status ?? 1;
  return true;
}

async function measure() {
  const points = [];
  for (const shape of shapes) {
    const all = { picture: [], voice: [], control: [] };
    const seen = { events: [], live: [], ghosts: [] };
    let spent = {};
    for (let i = 0; i < runs; i++) {
      const result = await once(shape);
      for (const what of Object.keys(all)) all[what].push(...result[what]);
      for (const what of Object.keys(seen)) seen[what].push(result[what]);
      spent = spentIn(shape, result.totals);
    }
    const settings = { rooms, runs, cut_s, talk: "4:6", pause_ms: PAUSE_US / 1000, ...seen };
    const missing = seen.live.reduce((sum, live) => sum + rooms - live, 0);
    // A killed process must leave no trace in the log; a line cut may write that a room was lost and came back.
    const events_lost = shape === "line" ? 0 : Math.max(0, ...seen.events.map((n) => -n));
    for (const what of ["picture", "voice", "control"])
      points.push({ shape: `${shape}: ${what} back`, endpoints: rooms, ...percentiles(all[what]), ...spent, settings,
        ...(what === "control" ? { events_lost, events_added: Math.max(...seen.events), not_back: missing, ghosts: Math.max(...seen.ghosts) } : {}) });
  }
  report("recover", { rooms, runs, cut_s }, points);
  if (points.some((point) => point.events_lost > 0 || point.not_back > 0)) throw new Error("events were lost, or rooms did not come back");
}

if (!entersNamespace()) await main("recover", measure);
