// A leg on a path that does not come up or goes, and the seat of a console behind it.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PaperConnection, advance, clean, greet, newest, settle } from "./paper";

const { HallStore } = await import("../src/net/hall");
const { Link } = await import("../src/net/link");
const { Leg } = await import("../src/media/leg");
const { Part } = await import("../src/pages/chair/part");

const connection = (): PaperConnection => {
  const last = PaperConnection.all[PaperConnection.all.length - 1];
  assert.ok(last !== undefined);
  return last;
};

const opened = async () => {
  const link = new Link({ page: "chair", leg: () => null, ready: () => 0, push: () => 0 });
  await greet();
  const leg = new Leg(link, "receive", "program");
  leg.want();
  newest().answers("leg.open", { leg: 11, sdp: "offer" });
  await settle();
  return leg;
};

const answered = async () => {
  const leg = await opened();
  newest().answers("leg.answer");
  await settle();
  return leg;
};

beforeEach(clean);

test("leg: one that never comes up is given back before the next is asked for", async () => {
  await answered();
  await advance(8500);
  assert.equal(newest().asked("leg.close")?.["leg"], 11);
  assert.notEqual(newest().asked("leg.open"), undefined);
});

test("leg: one that could not be begun is given back", async () => {
  PaperConnection.refuses = true;
  await opened();
  assert.equal(newest().asked("leg.close")?.["leg"], 11);
});

test("leg: one that closes is given back once", async () => {
  const leg = await answered();
  leg.close();
  const closes = newest().sent.filter((one) => one["t"] === "leg.close");
  assert.deepEqual(closes.map((one) => one["leg"]), [11]);
});

test("leg: a path that fails while the link is down is told as weak", async () => {
  const leg = await answered();
  connection().shows();
  connection().becomes("connected");
  assert.equal(leg.state.peek(), "up");
  newest().breaks();
  connection().becomes("failed");
  assert.equal(leg.state.peek(), "weak");
});

test("part: a seat that cannot be had just now is asked for again", async () => {
  const hall = new HallStore("chair");
  await greet();
  void hall.attend("a");
  newest().answers("attend");
  const part = new Part();
  part.begin(hall);
  void part.start();
  await settle();
  newest().answers("join");
  await settle();
  assert.equal(part.on.peek(), true);
  newest().breaks();
  await advance(3000);
  await greet();
  newest().answers("attend");
  await settle();
  newest().refuses("join", "busy");
  await settle();
  await advance(4000);
  newest().answers("join");
  await settle();
  assert.notEqual(newest().asked("leg.open"), undefined);
});
