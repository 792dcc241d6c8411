// One meeting with every room of the demo roster, simulated: what bridge and server cost meanwhile.
//   make bench-capacity           ROOMS=201 SECONDS_RUN=60 SHAPES="wall program audio" as variables
// wall: everybody sees the program and a console (the chair's page in a browser) watches all rooms on the wall;
// program: the same without the console; audio: sound alone.  Server, bridge, simulator and browser share this machine; each
// process is measured on its own, so the goal's figure is "cores", the sum of bridge and server.
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { about, main, number, Product, sleep } from "./lib/stage.mjs";

const rooms = number("ROOMS", 201);
const seconds = number("SECONDS_RUN", 60);
const shapes = (process.env.SHAPES ?? "wall program audio").split(" ");
const ticksPerSecond = 100; // USER_HZ, the same on every Linux that Debian runs on

// CPU of every thread by its name, so that a table can say where the time goes.
function threadTimes(pid) {
  const times = new Map();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, "utf8");
      const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      times.set(name, (times.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond);
    } catch { /* a thread that has just ended */ }
  }
  return times;
}

// The chair's page, looking at the wall: what a console really is.  The tests' browser, with the tests' tools.
async function openWall(product) {
  const tools = resolve("tests/e2e/node_modules/playwright-core/index.mjs");
  if (!existsSync(tools)) throw new Error("shape wall needs a browser: run `make check` once, or SHAPES=\"program audio\"");
  const { chromium } = await import(pathToFileURL(tools).href);
  const args = ["--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
    ...(process.getuid() === 0 ? ["--no-sandbox"] : [])];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
  const link = /http:\/\/localhost:\d+\/login#\S+/.exec(readFileSync(join(product.data, "server.log"), "utf8"));
  if (link === null) throw new Error("the server has printed no login link");
  await page.goto(link[0]);
  await page.locator("#view-wall").click();
  await page.waitForFunction(() => (document.querySelector("video")?.videoWidth ?? 0) > 1280, undefined, { timeout: 60_000 });
  const frames = () => page.evaluate(() => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0);
  return { frames, close: () => browser.close() };
}

async function measure(shape) {
  const product = await Product.start();
  const bridge = product.child("bridge");
  const sim = product.simulate(["--count", String(rooms), "--shape", shape, "--window", String(seconds), "--settle", "8",
    "--sample", "1", "--talk", "4:6", "--watch", `bridge=${bridge}`, "--watch", `signaling=${product.child("signaling")}`,
    ...(shape === "audio" ? ["--no-picture"] : [])]);
  await sim.settled();
  const wall = shape === "wall" ? await openWall(product) : null;
  try {
    await sleep(10_000); // the simulator settles, then opens its window; ours lies inside it
    const before = { at: performance.now(), threads: threadTimes(bridge), frames: await wall?.frames() };
    await sleep(Math.max(2, seconds - 15) * 1000);
    const elapsed = (performance.now() - before.at) / 1000;
    const fps_wall = wall === null ? null : ((await wall.frames()) - before.frames) / elapsed;
    const threads = [...threadTimes(bridge)].map(([name, cpu_s]) => [name, (cpu_s - (before.threads.get(name) ?? 0)) / elapsed]);
    const totals = await sim.finish();
    return { totals, fps_wall, threads: threads.filter(([, cores]) => cores >= 0.005).sort((a, b) => b[1] - a[1]) };
  } finally {
    await wall?.close();
    await product.end();
  }
}

const rounded = (value, digits) => (value === null || value === undefined ? null : Number(value.toFixed(digits)));

function row(shape, { totals, fps_wall, threads }) {
  const sum = (what) => (totals[`bridge_${what}`] ?? 0) + (totals[`signaling_${what}`] ?? 0);
  return {
    bench: "capacity", shape, endpoints: rooms, cores: totals.cores, bridge_cores: totals.bridge_cores, signaling_cores: totals.signaling_cores,
    sim_cores: totals.sim_cores, rss_mb: rounded(sum("rss_mb"), 1), threads: sum("threads"), fds: sum("fds"), pps_in: totals.pps_in,
    pps_out: totals.pps_out, audio_gaps: totals.audio_gaps, fps_median: totals.fps_median, fps_p5: totals.fps_p5, fps_wall: rounded(fps_wall, 1),
    bridge_threads: Object.fromEntries(threads.map(([name, cores]) => [name, rounded(cores, 3)])), totals,
    settings: { seconds, talk: "4:6", ice: "fast" }, ...about(),
  };
}

function print(result) {
  const keys = ["endpoints", "cores", "bridge_cores", "signaling_cores", "sim_cores", "rss_mb", "threads", "fds", "pps_in", "pps_out",
    "audio_gaps", "fps_median", "fps_p5", "fps_wall"];
  console.log(`\ncapacity, ${result.shape}: ${seconds} s on ${result.machine.cpus} x ${result.machine.cpu}, ${result.versions.diemcau} ${result.versions.commit}`);
  for (const key of keys) if (result[key] !== null) console.log(`  ${key.padEnd(18)} ${result[key]}`);
  console.log("  the bridge by thread, in cores");
  for (const [name, cores] of Object.entries(result.bridge_threads)) console.log(`    ${name.padEnd(16)} ${cores.toFixed(3)}`);
}

await main("capacity", async () => {
  const out = resolve(process.env.OUT ?? "build/bench");
  mkdirSync(out, { recursive: true });
  for (const shape of shapes) {
    const result = row(shape, await measure(shape));
    print(result);
    appendFileSync(join(out, "capacity.jsonl"), `${JSON.stringify(result)}\n`);
  }
});
