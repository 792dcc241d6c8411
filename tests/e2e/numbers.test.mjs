// Transport-wide sequence numbers come in mid-stream, when a line gets into trouble, and go when it is well again. Chromium and
// Firefox must begin to tell when each packet arrived, and picture and sound must go on over both moments.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RoomPage, launch } from "./lib/browser.mjs";
import { Firefox, hasFirefox } from "./lib/firefox.mjs";
import { Line, throughRelay } from "./lib/line.mjs";
import { watchConnections } from "./lib/media.mjs";
import { Server } from "./lib/server.mjs";
import { pause, until } from "./lib/wait.mjs";

const A = { code: "QN-193-01", colour: "red", tone_hz: 500 };
const B = { code: "QN-193-02", colour: "blue", tone_hz: 820 };
/** Numbers go 30 s after the last trouble. A busy machine makes more of it: then they stay, which is told and no fault. */
const WELL_AGAIN_MS = 75_000;

const server = new Server();
let browser;
let other;

before(async () => {
  await server.start({ "log.level": "debug" });
  browser = await launch();
  other = await RoomPage.open(browser, await server.roomLink(B.code), B);
  await other.join();
});

after(async () => {
  await browser?.close();
  await server.stop();
});

/** Each with evaluate(), a line before it, and the seat that the bridge's log knows it by. */
const openChromium = async (line) => {
  const room = await RoomPage.open(browser, await server.roomLink(A.code), { ...A, line });
  await room.join();
  return { evaluate: (work) => room.page.evaluate(work), close: () => room.context.close() };
};

const openFirefox = async (line) => {
  const firefox = await Firefox.open();
  let asking = true;
  try {
    await firefox.goto(await server.roomLink(A.code));
    await until("the check page", () => firefox.evaluate(() => document.getElementById("join") !== null));
    await firefox.evaluate(watchConnections);
    await firefox.evaluate(() => {
      window.asks = [];
      window.relayFor = (port) => new Promise((done) => window.asks.push({ port, done }));
    });
    await firefox.evaluate(throughRelay);
    void (async () => {
      while (asking) {
        const port = await firefox.evaluate(() => window.asks[0]?.port).catch(() => undefined);
        if (port !== undefined) {
          const relay = await line.relayFor(port);
          await firefox.evaluate((found) => window.asks.shift().done(found), relay).catch(() => undefined);
        }
        await pause(100);
      }
    })();
    await firefox.evaluate(() => document.getElementById("join").click());
    await until(
      "Firefox is in the meeting",
      () => firefox.evaluate(() => document.getElementById("connection")?.dataset.state === "link.up"),
      40_000,
    );
  } catch (error) {
    asking = false;
    await firefox.close();
    throw error;
  }
  return {
    evaluate: (work) => firefox.evaluate(work),
    close: () => {
      asking = false;
      return firefox.close();
    },
  };
};

const newestSeat = () =>
  Number([...server.output.matchAll(/bridge info leg\.state leg=\d+ seat=(\d+) .*state=live/g)].pop()[1]);

/** What the bridge last wrote of the seat's line, which it does once a second while its packets carry numbers. */
const lineOf = (seat) => {
  const rows = [...server.output.matchAll(/^(\S+) bridge debug downlink\.line seat=(\d+) measured=(\d)(.*)$/gm)];
  const row = rows.filter((found) => Number(found[2]) === seat).pop();
  return row === undefined
    ? { numbered: false, measured: false }
    : { numbered: Date.now() - Date.parse(row[1]) < 3_000, measured: row[3] === "1", row: row[4] };
};

const counters = (room) =>
  room.evaluate(async () => {
    const live = window.connections.filter((pc) => pc.connectionState === "connected").pop();
    const seen = { connections: window.connections.length, frames: 0, plis: 0, freezes: 0, lost: 0, samples: 0, invented: 0 };
    (await live.getStats()).forEach((row) => {
      if (row.type !== "inbound-rtp") return;
      seen.lost += row.packetsLost ?? 0;
      if (row.kind === "video") {
        seen.frames += row.framesDecoded ?? 0;
        seen.plis += row.pliCount ?? 0;
        seen.freezes += row.freezeCount ?? 0;
      } else {
        seen.samples += row.totalSamplesReceived ?? 0;
        seen.invented += (row.concealedSamples ?? 0) - (row.silentConcealedSamples ?? 0);
      }
    });
    return seen;
  });

const between = (first, last) => {
  const diff = Object.fromEntries(Object.keys(last).map((key) => [key, last[key] - first[key]]));
  return { ...diff, invented: diff.samples > 0 ? diff.invented / diff.samples : 0 };
};

const told = (what, seen) => console.log(`# ${what}: ${JSON.stringify(seen)}`);

const comesAndGoes = async (name, open) => {
  const line = new Line();
  const room = await open(line);
  try {
    const seat = newestSeat();
    await pause(2_000);
    const calm = await counters(room);
    await pause(10_000);
    told(`${name}, before the trouble`, { ...lineOf(seat), ...between(calm, await counters(room)) });
    line.down = 0.1;
    await until("the line is measured", () => lineOf(seat).numbered && lineOf(seat).measured, 40_000);
    line.down = 0;
    await pause(4_000); // what was lost is mended
    const first = await counters(room);
    let last = first;
    const end = performance.now() + WELL_AGAIN_MS;
    let stood = 0;
    let gone_at;
    while (performance.now() < end && (gone_at === undefined || performance.now() < gone_at + 4_000)) {
      await pause(1_000);
      const now = await counters(room);
      stood = now.frames > last.frames ? 0 : stood + 1;
      assert.ok(stood < 6, "the picture stands");
      last = now;
      if (gone_at === undefined && !lineOf(seat).numbered) gone_at = performance.now();
    }
    const seen = between(first, last);
    told(`${name}, numbers ${gone_at === undefined ? "stayed" : "went"}`, { ...seen, ...lineOf(seat) });
    assert.equal(seen.connections, 0, "no new connection");
    assert.equal(seen.plis, 0, "no picture was missed");
    assert.ok(seen.frames > 0);
    assert.ok(seen.invented < 0.1, `${seen.invented} of the sound was invented`);
  } finally {
    await room.close();
    line.close();
  }
};

test("Chromium tells of numbers that come in mid-stream, and goes on when they go", () =>
  comesAndGoes("Chromium", openChromium));

test(
  "so does Firefox",
  { skip: hasFirefox() ? false : "no Firefox here; apt-get install firefox-esr" },
  () => comesAndGoes("Firefox", openFirefox),
);
