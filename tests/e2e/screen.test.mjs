// A real screen: getDisplayMedia of the browser itself, showing another tab of the same room. Letters must stay readable.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConsolePage, RoomPage, launch, nameOf } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { documentMarks, documentPage } from "./lib/document.mjs";
import { readSlide } from "./lib/slides.mjs";
import { pause, until } from "./lib/wait.mjs";

const A = { code: "QN-193-01", label: "Phường Hà Khánh", colour: "red", tone_hz: 500 };
const B = { code: "QN-193-02", label: "Phường Hà Phong", colour: "blue", tone_hz: 820 };
const LATE = { code: "QN-193-03", colour: "green", tone_hz: 1300 };
/** Of letters' strokes, white against black; a picture scaled or blurred by half a pixel has less than half of it. */
const SHARP = 150;
/** The browser answers its own question: the tab of this title. */
const ANSWER = `--auto-select-tab-capture-source-by-title=${documentPage.title}`;

const server = new Server();
let browser;
let chair;
let a;
let b;
let shown;

/** What a page shows of the document; throws what is missing yet. */
const seesDocument = (page, { colour, width, height }, limit_ms) =>
  until(
    `the document is ${colour}, ${width}x${height}, sharp`,
    async () => {
      const seen = await page.page.evaluate(readSlide, documentMarks);
      if (seen === null) throw new Error("no slides");
      if (seen.width !== width || seen.height !== height || nameOf(seen.field) !== colour || seen.contrast < SHARP)
        throw new Error(JSON.stringify(seen));
      return seen;
    },
    limit_ms,
  );

const openDocument = async (page, colour, size) => {
  const tab = await page.context.newPage();
  if (size !== undefined) await tab.setViewportSize(size);
  await tab.setContent(documentPage.html);
  await turnTo(tab, colour);
  await page.page.bringToFront();
  return tab;
};

const turnTo = (tab, colour) => tab.evaluate((name) => (document.body.dataset.colour = name), colour);

const noSlides = (page) => until("no slides", async () => (await page.page.locator("#slides").count()) === 0);

before(async () => {
  await server.start();
  browser = await launch({ args: [ANSWER] });
  const [link] = await server.loginLinks();
  chair = await ConsolePage.open(browser, link, { colour: "green", tone_hz: 1300 });
  a = await RoomPage.open(browser, await server.roomLink(A.code), A);
  b = await RoomPage.open(browser, await server.roomLink(B.code), B);
  await a.join();
  await b.join();
  await chair.row(A.label).first().locator(".invite").click();
  await until("A may", async () => !(await a.page.locator("#present").isDisabled()));
});

after(async () => {
  await browser?.close();
  await server.stop();
});

test("a tab is seen in its own size, its letters sharp", async () => {
  shown = await openDocument(a, "red");
  await a.page.locator("#present").click();
  await seesDocument(b, { colour: "red", width: 1024, height: 600 }, 30_000);
});

test("what changes in it is seen", async () => {
  await turnTo(shown, "blue");
  await seesDocument(b, { colour: "blue", width: 1024, height: 600 });
});

test("it rests for long, and a room that comes then sees it, as sharp", async () => {
  await pause(12_000);
  const late = await RoomPage.open(browser, await server.roomLink(LATE.code), LATE);
  await late.join();
  await seesDocument(late, { colour: "blue", width: 1024, height: 600 });
  await turnTo(shown, "green");
  await seesDocument(late, { colour: "green", width: 1024, height: 600 });
  await seesDocument(b, { colour: "green", width: 1024, height: 600 });
  await late.context.close();
});

test("its window is made smaller and larger while it is shown", async () => {
  for (const [width, height, colour] of [
    [800, 500, "red"],
    [1440, 900, "blue"],
  ]) {
    await shown.setViewportSize({ width, height });
    await turnTo(shown, colour);
    await seesDocument(b, { colour, width, height }, 30_000);
  }
});

test("who shows it closes it: everybody has the program again", async () => {
  await shown.close();
  await noSlides(b);
  await until("A presents no more", async () => (await a.page.locator("#present").getAttribute("aria-pressed")) === null);
});

test("the chair shows one from its console", async () => {
  await chair.page.locator("#take-part").click();
  await chair.page.locator("#part-bar").waitFor();
  shown = await openDocument(chair, "red", { width: 1280, height: 720 });
  await chair.page.locator("#part-present").click();
  await seesDocument(b, { colour: "red", width: 1280, height: 720 }, 30_000);
  await seesDocument(a, { colour: "red", width: 1280, height: 720 });
  await chair.page.locator("#part-present").click();
  await noSlides(b);
  await noSlides(a);
});

test("no page has complained", () => {
  for (const page of [chair, a, b]) assert.deepEqual(page.complaints, []);
});
