// Every room joins at the same moment: how long until each sees its first whole picture and hears its first packet of sound,
// counted from the moment its page would be opened (POST of the link, WebSocket, hello, join, offer, ICE, DTLS are all in it).
//   make bench-join            ROOMS=200 RUNS=3 as variables
import { cpuSeconds, main, number, percentiles, Product, report, sleep, usage } from "./lib/stage.mjs";

const rooms = number("ROOMS", 200);
const runs = number("RUNS", 3, 1);
const STATS_MS = 5500; // the bridge tells its numbers every 5 s

async function once() {
  const product = await Product.start();
  await sleep(STATS_MS);
  const keyframes = () => product.metric("diemcau_bridge_studio_keyframes_forced");
  const before = { keyframes: await keyframes(), cpu_s: cpuSeconds(product.child("bridge")) };
  const sim = product.simulate(["--count", String(rooms), "--join-over", "0", "--settle", "1", "--talk", "4:6", "--window", String(number("SECONDS_RUN", 10)), ...product.watch()]);
  await sim.settled();
  await sleep(STATS_MS);
  const result = { keyframes: (await keyframes()) - before.keyframes, cpu_s: cpuSeconds(product.child("bridge")) - before.cpu_s };
  result.totals = await sim.finish();
  result.timeline = sim.timeline();
  await product.end();
  return result;
}

const first = (timeline, what) => {
  const started = new Map(timeline.filter((line) => line.t === "start").map((line) => [line.n, line.at_us]));
  return timeline.filter((line) => line.t === what && line.from_us === 0).map((line) => (line.at_us - started.get(line.n)) / 1000);
};

await main("join", async () => {
  const all = { control: [], picture: [], voice: [] };
  const seen = { keyframes: [], cpu_s: [], watching: [] };
  let spent = {};
  for (let i = 0; i < runs; i++) {
    const result = await once();
    for (const what of Object.keys(all)) all[what].push(...first(result.timeline, what));
    seen.keyframes.push(result.keyframes);
    seen.cpu_s.push(Math.round(result.cpu_s * 100) / 100);
    seen.watching.push(result.totals.watching);
    spent = usage(result.totals); // of the meeting after the join
  }
  const settings = { rooms, runs, join_over_ms: 0, talk: "4:6", ...seen };
  const keyframes = Math.max(...seen.keyframes);
  report("join", settings, [
    { shape: "join to seat", endpoints: rooms, ...percentiles(all.control), ...spent },
    { shape: "join to first picture", endpoints: rooms, ...percentiles(all.picture), keyframes, ...spent },
    { shape: "join to first sound", endpoints: rooms, ...percentiles(all.voice), ...spent },
  ]);
  if (seen.watching.some((n) => n !== rooms)) throw new Error(`not all rooms came to see the meeting: ${seen.watching}`);
});
