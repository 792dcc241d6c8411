// A real browser as a room, in another network namespace: what its own statistics say of picture and sound.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "./stage.mjs";

const SHARP = 150; // stripes two pixels wide: fine print can be read
const TURN_LIMIT_MS = 20_000;
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** The room's page in a browser that runs `through` the given words. Throws where there is no browser. */
export async function openRoom({ folder, through, origin, link }) {
  const program = join(folder, "chromium.sh");
  // Plain HTTP of another host than this one has no camera: the flag says that this origin may.
  writeFileSync(program, `#!/bin/sh\nexec ${through.join(" ")} ${chromium} --unsafely-treat-insecure-origin-as-secure=${origin} "$@"\n`, { mode: 0o755 });
  process.env.CHROMIUM = program;
  const { launch, RoomPage } = await import("../../e2e/lib/browser.mjs");
  const browser = await launch();
  const { pathname, hash } = new URL(link);
  const room = await RoomPage.open(browser, `${origin}${pathname}${hash}`, { colour: "red", tone_hz: 500 });
  await room.join();
  await room.flows("the room in the browser");
  return { browser, room };
}

/** A room that shows its screen, let by the chair: both in a browser beside the server. end() closes it. */
export async function openPresenter({ product, link, name }) {
  process.env.CHROMIUM = chromium;
  const { COLOURS, ConsolePage, RoomPage, launch } = await import("../../e2e/lib/browser.mjs");
  const browser = await launch();
  const here = (url) => product.origin + new URL(url).pathname + new URL(url).hash;
  const login = [...readFileSync(join(product.data, "server.log"), "utf8").matchAll(/https?:\/\/\S+\/login#\S+/g)][0][0];
  const chair = await ConsolePage.open(browser, here(login));
  const room = await RoomPage.open(browser, here(link), { colour: "red", tone_hz: 820, screen: {} });
  await room.join();
  await chair.choose(name);
  await chair.page.locator("#present-allow").click();
  await room.page.locator("#present:not([disabled])").click();
  await chair.page.goto("about:blank");
  const turn = (colour) => room.page.evaluate((rgb) => (window.slide = `rgb(${rgb.join(" ")})`), COLOURS[colour]);
  return { turn, end: () => browser.close() };
}

/** The slide is turned every so often for so long: after how many ms its letters can be read in the other room. */
export async function readSlides(room, presenter, seconds, every_s) {
  const { nameOf } = await import("../../e2e/lib/browser.mjs");
  const { readSlide } = await import("../../e2e/lib/slides.mjs");
  const readable_ms = [];
  for (let i = 0, began = performance.now(); performance.now() - began < seconds * 1000; i++) {
    const colour = ["blue", "green", "red"][i % 3];
    const at = performance.now();
    await presenter.turn(colour);
    for (let seen = null; ; await sleep(100)) {
      seen = await room.page.evaluate(readSlide);
      if ((seen !== null && nameOf(seen.field) === colour && seen.contrast > SHARP) || performance.now() - at > TURN_LIMIT_MS) break;
    }
    readable_ms.push(Math.round(performance.now() - at));
    await sleep(Math.max(0, every_s * 1000 - (performance.now() - at)));
  }
  return readable_ms;
}

const look = (room) => room.page.evaluate(async () => {
  const live = window.connections.filter((pc) => pc.connectionState === "connected").pop();
  const seen = { frames: 0, freezes: 0, frozen_ms: 0, height: 0, width: 0, keyframes: 0, plis: 0, lost: 0, samples: 0, concealed: 0, audio_lost: 0, audio_packets: 0, buffer_s: 0, emitted: 0, fec: 0, bytes: 0 };
  if (live === undefined) return seen;
  (await live.getStats()).forEach((row) => {
    if (row.type !== "inbound-rtp") return;
    seen.bytes += row.bytesReceived;
    if (row.kind === "audio") {
      seen.samples += row.totalSamplesReceived ?? 0;
      seen.concealed += (row.concealedSamples ?? 0) - (row.silentConcealedSamples ?? 0);
      seen.audio_lost += row.packetsLost;
      seen.audio_packets += row.packetsReceived;
      seen.buffer_s += row.jitterBufferDelay ?? 0;
      seen.emitted += row.jitterBufferEmittedCount ?? 0;
    } else if ((row.framesDecoded ?? 0) > 0) {
      seen.frames += row.framesDecoded;
      seen.freezes += row.freezeCount ?? 0;
      seen.frozen_ms += 1000 * (row.totalFreezesDuration ?? 0);
      seen.keyframes += row.keyFramesDecoded ?? 0;
      seen.plis += row.pliCount ?? 0;
      seen.lost += row.packetsLost;
      if ((row.frameHeight ?? 0) > 0) [seen.width, seen.height] = [row.frameWidth, row.frameHeight];
    }
  });
  return seen;
});

/** What the page gets in so many seconds; the same words as the simulator's rooms. */
export async function watch(room, seconds) {
  const first = await look(room);
  const rates = [];
  let last = first;
  for (let i = 0; i < seconds; i++) {
    await sleep(1000);
    const now = await look(room);
    rates.push(now.frames - last.frames);
    last = now;
  }
  rates.sort((a, b) => a - b);
  const since = (key) => last[key] - first[key];
  const percent = (part, whole) => (whole > 0 ? Math.round(1000 * part / whole) / 10 : null);
  return {
    fps_median: rates[Math.floor(rates.length / 2)], fps_p5: rates[0], freezes: since("freezes"), frozen_ms: Math.round(since("frozen_ms")), picture: `${last.width}x${last.height}`,
    keyframes: since("keyframes"), plis_sent: since("plis"), video_lost: since("lost"), audio_gaps: since("audio_lost"), audio_packets: since("audio_packets"),
    audio_concealed_percent: percent(since("concealed"), since("samples")), buffer_ms: Math.round(1000 * since("buffer_s") / Math.max(1, since("emitted"))),
    down_kbps: Math.round(since("bytes") * 8 / 1000 / seconds), p50_ms: null, p95_ms: null,
  };
}
