// A room whose line loses packets: its voice and what it hears go on with copies (RED), whole, and nobody else notices.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RoomPage, launch } from "./lib/browser.mjs";
import { Line } from "./lib/line.mjs";
import { Server } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const A = { code: "QN-193-01", label: "Phường Hà Khánh", colour: "red", tone_hz: 500 };
const B = { code: "QN-193-02", label: "Phường Hà Phong", colour: "blue", tone_hz: 820 };
const HEARD_DB = -60;
const server = new Server();
const line = new Line();
let browser;
let a;
let b;

before(async () => {
  await server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  line.close();
  await server.stop();
});

/** Sound both ways at a page, from its own statistics. */
const sound = (room) =>
  room.page.evaluate(async () => {
    const live = window.connections.filter((pc) => pc.connectionState === "connected").pop();
    const seen = { number: window.connections.length };
    (await live.getStats()).forEach((row) => {
      if (row.kind !== "audio") return;
      if (row.type === "outbound-rtp") {
        seen.out_packets = row.packetsSent;
        seen.out_bytes = row.bytesSent;
      } else if (row.type === "inbound-rtp") {
        seen.in_packets = row.packetsReceived;
        seen.in_bytes = row.bytesReceived;
        seen.in_lost = row.packetsLost;
        seen.samples = row.totalSamplesReceived;
        seen.invented = row.concealedSamples - row.silentConcealedSamples;
      }
    });
    return seen;
  });

const over = async (room, ms) => {
  const first = await sound(room);
  await new Promise((done) => setTimeout(done, ms));
  const last = await sound(room);
  const diff = Object.fromEntries(Object.keys(last).map((key) => [key, last[key] - first[key]]));
  return {
    number: last.number,
    out_size: diff.out_bytes / diff.out_packets,
    in_size: diff.in_bytes / diff.in_packets,
    lost: diff.in_lost / (diff.in_lost + diff.in_packets),
    invented: diff.invented / diff.samples,
  };
};

const hears = async (room, hz) =>
  until(`hears ${hz} Hz`, async () => {
    const levels = await room.levels([hz]);
    if (levels === null || levels[0] < HEARD_DB) throw new Error(String(levels));
    return true;
  });

let calm;
let other_calm;

test("two rooms hear each other, without copies", async () => {
  a = await RoomPage.open(browser, await server.roomLink(A.code), { ...A, line });
  await a.join();
  b = await RoomPage.open(browser, await server.roomLink(B.code), B);
  await b.join();
  await hears(a, B.tone_hz);
  await hears(b, A.tone_hz);
  // A page that has just been opened keeps the machine busy, and its sound waits.
  [calm, other_calm] = await until(
    "whole sound at both",
    async () => {
      const both = await Promise.all([over(a, 4_000), over(b, 4_000)]);
      for (const { invented } of both) if (invented >= 0.02) throw new Error(`invented ${invented}`);
      return both;
    },
    30_000,
  );
});

test("when its line loses a fifth of the packets, copies come and go both ways", async () => {
  line.up = 0.2;
  line.down = 0.2;
  await until(
    "copies both ways",
    async () => {
      const now = await over(a, 1_500);
      if (now.out_size < 1.5 * calm.out_size || now.in_size < 2 * calm.in_size)
        throw new Error(`up ${calm.out_size} -> ${now.out_size}, down ${calm.in_size} -> ${now.in_size}`);
      return true;
    },
    30_000,
  );
});

test("and with them it hears the other whole, on the same connection", async () => {
  await new Promise((done) => setTimeout(done, 4_000));
  const bad = await over(a, 8_000);
  console.log(`# lost ${(bad.lost * 100).toFixed(1)} %, invented ${(bad.invented * 100).toFixed(2)} %`);
  assert.ok(bad.lost > 0.12, `only ${bad.lost} lost`);
  assert.ok(bad.invented < bad.lost / 3, `lost ${bad.lost}, invented ${bad.invented}`);
  assert.equal(bad.number, 1);
  await hears(a, B.tone_hz);
});

test("the other room hears it, and has lost nothing", async () => {
  const other = await over(b, 4_000);
  console.log(`# the other: ${other_calm.in_size.toFixed(0)} -> ${other.in_size.toFixed(0)} bytes a packet`);
  assert.ok(other.invented < 0.02, `invented ${other.invented}`);
  assert.ok(other.in_size < 1.6 * other_calm.in_size, "a good line needs no copies");
  await hears(b, A.tone_hz);
});

test("no page complained", () => {
  assert.deepEqual([...a.complaints, ...b.complaints], []);
});
