// With the browser's own autoplay policy: a room that returns without a touch is deaf until it is touched, says so, and
// the chair knows it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConsolePage, RoomPage, launch } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const A = { code: "QN-193-01", label: "Phường Hà Khánh", colour: "red", tone_hz: 500 };
const server = new Server();
let browser;
let chair;
let room;

before(async () => {
  await server.start();
  browser = await launch({ autoplay: "browser" });
});

after(async () => {
  await browser?.close();
  await server.stop();
});

const isDeaf = () => chair.row(A.label).first().getAttribute("data-deaf");

test("a room that joined by its button hears at once", async () => {
  const [link] = await server.loginLinks();
  chair = await ConsolePage.open(browser, link);
  room = await RoomPage.open(browser, await server.roomLink(A.code), A);
  await room.join();
  await until("sound plays", () =>
    room.page.evaluate(
      () => !document.getElementById("program").muted && !document.getElementById("program").paused,
    ),
  );
  assert.equal(await room.page.locator("#touch-to-hear").count(), 0);
  await chair.is(A.label, "state", "present");
  assert.equal(await isDeaf(), "false");
});

test("the same room in a fresh window returns by itself, with picture, asking for one touch", async () => {
  const fresh = await room.context.newPage();
  await room.page.close();
  await fresh.goto(server.url + "/r");
  room.page = fresh;
  // Every look into a page by the test counts as a touch to the browser: the chair's word comes first.
  await until("the chair knows that the room is deaf", async () => (await isDeaf()) === "true");
  await room.page.locator("#touch-to-hear").waitFor();
  assert.equal(await room.page.evaluate(() => document.getElementById("program").muted), true);
  await room.sees("its own camera", [[0.5, 0.5]], [A.colour]);
});

test("one touch brings the sound", async () => {
  await room.page.locator("#touch-to-hear").click();
  await until("sound plays", () =>
    room.page.evaluate(
      () => !document.getElementById("program").muted && !document.getElementById("program").paused,
    ),
  );
  await room.page.locator("#touch-to-hear").waitFor({ state: "detached" });
  await until("the chair knows that the room hears", async () => (await isDeaf()) === "false");
});
