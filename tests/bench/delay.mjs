// What the bridge adds to voice and picture. The first room is a probe: its camera (640 x 360, 25 per second, encoded live)
// carries the time of capture as a barcode, its microphone clicks twice a second; the second room decodes the program and the
// mix. Both are in one process, so there is one clock. Nothing is subtracted:
//   delay    from sending (a picture's last packet, a click's sample in its packet) to arrival of the same at the listener:
//            decoding, waiting for the canvas' tick, encoding, mixing, both codecs' look-ahead, up to 2 ms of the simulator
//            at each end. Not in it: the probe's own encoder and packet time, the listener's decoder and jitter buffer.
//   whole    from capture to the decoded picture; sound from capture until it could be played
//   skew     how far the sound is ahead of the picture: as both arrive, and as a player sets them by the sender reports
// The window begins 12 s after the last join: the joining of many makes packets uneven, and the bridge waits longer for voices
// until 10 s after (course_voice in the simulator's own results shows it).
//   make bench-delay            ROOMS=20,200 SECONDS_RUN=40 as variables
import { main, number, Product, quick, report, usage } from "./lib/stage.mjs";

const counts = (process.env.ROOMS ?? (quick ? "200" : "20,200")).split(",").map(Number);
const seconds = number("SECONDS_RUN", 40, 20);

async function once(rooms) {
  const product = await Product.start();
  const sim = product.simulate(["--count", String(rooms), "--join-over", "1000", "--settle", "12", "--talk", "0", "--probe", "--window", String(seconds), ...product.watch()]);
  const totals = await sim.finish();
  await product.end();
  return totals;
}

const point = (totals, name, shape, rooms) => ({ shape, endpoints: rooms, n: totals[`${name}_n`], p50_ms: totals[`${name}_p50`] ?? null,
  p95_ms: totals[`${name}_p95`] ?? null, p99_ms: totals[`${name}_p99`] ?? null, max_ms: null, p5_ms: totals[`${name}_p5`] ?? null });

await main("delay", async () => {
  const points = [];
  for (const rooms of counts) {
    const totals = await once(rooms);
    const settings = { rooms, seconds, camera: "640x360@25 700 kbit/s", voice: "opus 32 kbit/s, 20 ms", sim_stall_ms_max: totals.sim_stall_ms_max };
    for (const [name, shape] of [["delay_voice", "voice, added"], ["delay_picture", "picture, added"], ["whole_voice", "voice, capture to ear"],
      ["whole_picture", "picture, capture to eye"], ["skew_arrival", "sound ahead, by arrival"], ["skew_synced", "sound ahead, by sender reports"]])
      points.push({ ...point(totals, name, shape, rooms), ...usage(totals), settings });
    if (!(totals.delay_voice_n > 0 && totals.delay_picture_n > 0)) throw new Error(`nothing measured: ${JSON.stringify(totals)}`);
  }
  report("delay", { counts, seconds }, points);
});
