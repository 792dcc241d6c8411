// The line to the server, against a server made of paper and a clock that the test moves: no browser, no waiting.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PaperSocket, advance, clean, greet, listeners, newest, settle } from "./paper";

// After the world is made of paper: the modules look at it when they load.
const { Link } = await import("../src/net/link");
const { t } = await import("../src/i18n");

const start = async (leg: number | null = null) => {
  const pushes: unknown[] = [];
  const hellos: unknown[] = [];
  const link = new Link({
    page: "room",
    leg: () => leg,
    ready: (answer) => hellos.push(answer),
    push: (message) => pushes.push(message),
  });
  await greet();
  return { link, pushes, hellos };
};

beforeEach(clean);

test("link: the first word is hello, with the client and the leg it still has", async () => {
  const { link, hellos } = await start(7);
  const [hello] = newest().sent;
  assert.equal(hello?.["t"], "hello");
  assert.equal(hello["page"], "room");
  assert.equal(hello["leg"], 7);
  assert.match(String(hello["client"]), /^[0-9a-f]{24}$/);
  assert.equal(hellos.length, 1);
  assert.equal(link.state.value, "open");
});

test("link: answers find their requests whatever their order, faults carry the server's words", async () => {
  const { link } = await start();
  const first = link.request("hand", { up: true });
  const second = link.request("mute", { seat: 1 });
  const [one, two] = newest().sent.slice(1);
  newest().says({ t: "fault", re: two?.["id"], code: "refused", text: "Không được" });
  newest().says({ t: "ok", re: one?.["id"], seat: 3 });
  assert.equal((await first)["seat"], 3);
  await assert.rejects(second, { code: "refused", message: "Không được" });
});

test("link: pushes are handed on, rubbish is not", async () => {
  const { pushes } = await start();
  for (const rubbish of ["", "{", "[]", "null", "1", '{"t":5}']) newest().says(rubbish);
  newest().says({ t: "chime", what: "floor" });
  assert.deepEqual(pushes, [{ t: "chime", what: "floor" }]);
});

test("link: after a break it knocks again within a quarter of a second, and says hello as the same client", async () => {
  const { link, hellos } = await start(4);
  const before = newest();
  const waiting = link.request("hand", { up: true });
  before.breaks();
  await assert.rejects(waiting, { code: "unreachable" });
  assert.equal(link.state.value, "lost");
  await advance(250);
  assert.equal(PaperSocket.all.length, 2);
  await greet();
  assert.equal(newest().sent[0]?.["client"], before.sent[0]?.["client"]);
  assert.equal(hellos.length, 2);
});

test("link: it goes on knocking for as long as it takes", async () => {
  const { link } = await start();
  newest().breaks();
  for (let i = 0; i < 60; i++) {
    await advance(2500);
    newest().breaks();
  }
  assert.ok(PaperSocket.all.length > 50);
  await advance(2500);
  await greet();
  assert.equal(link.state.value, "open");
});

test("link: a connection that hangs while opening is given up", async () => {
  await start();
  newest().breaks();
  await advance(250);
  assert.equal(PaperSocket.all.length, 2);
  await advance(6000);
  assert.ok(PaperSocket.all.length > 2);
});

test("link: an open line that answers no ping is a dead one", async () => {
  const { link } = await start();
  await advance(8000);
  assert.equal(newest().last()["t"], "ping");
  await advance(4300);
  assert.equal(PaperSocket.all.length, 2);
  await greet();
  assert.equal(link.state.value, "open");
});

test("link: a ping that is answered changes nothing", async () => {
  const { link } = await start();
  for (let i = 0; i < 5; i++) {
    await advance(8000);
    newest().says({ t: "ok", re: newest().last()["id"] });
    await settle();
  }
  assert.equal(PaperSocket.all.length, 1);
  assert.equal(link.state.value, "open");
});

test("link: when the network is back it looks at once", async () => {
  await start();
  listeners.get("online")?.();
  assert.equal(newest().last()["t"], "ping");
  await advance(2300);
  assert.equal(PaperSocket.all.length, 2);
});

test("link: taken over, it stays away until it is told to come again", async () => {
  const { link } = await start();
  newest().says({ t: "taken-over" });
  assert.equal(link.state.value, "taken");
  await advance(60_000);
  assert.equal(PaperSocket.all.length, 1);
  link.again();
  await greet();
  assert.equal(link.state.value, "open");
});

for (const [code, state] of [
  [4001, "taken"],
  [4003, "refused"],
] as const) {
  test(`link: close code ${code} is ${state}, and final`, async () => {
    const { link } = await start();
    newest().breaks(code);
    await advance(60_000);
    assert.equal(link.state.value, state);
    assert.equal(PaperSocket.all.length, 1);
  });
}

test("link: a hello that is refused ends it", async () => {
  const { link } = await start();
  newest().breaks();
  await advance(250);
  newest().open();
  newest().says({ t: "fault", re: newest().last()["id"], code: "refused", text: "…" });
  await settle();
  assert.equal(link.state.value, "refused");
});

test("link: what was not sent, or not answered, is not said to be tried again", async () => {
  const { link } = await start();
  const unanswered = link.request("hand", { up: true });
  newest().breaks();
  const unsent = link.request("hand", { up: true });
  for (const request of [unanswered, unsent])
    await assert.rejects(request, { code: "unreachable", message: t("fault.cut") });
});
