// A room shows its screen to all: forwarded, so that fine print stays fine. Real pages, real programs, sandbox on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { COLOURS, ConsolePage, RoomPage, Watched, launch, nameOf } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { fakeScreen, readSlide, slideMarks, watchByWhep } from "./lib/slides.mjs";
import { pause, throughout, until } from "./lib/wait.mjs";

const A = { code: "QN-193-01", label: "Phường Hà Khánh", colour: "red", tone_hz: 500 };
const B = { code: "QN-193-02", label: "Phường Hà Phong", colour: "blue", tone_hz: 820 };
const LATE = { code: "QN-193-03", colour: "green", tone_hz: 1300 };
/** Stripes two pixels wide that a second encoder or a second scaling had touched would be grey. */
const SHARP = 150;

const server = new Server();
let browser;
let chair;
let a;
let b;

const openRoom = async (who) => {
  who.link ??= await server.roomLink(who.code);
  return RoomPage.open(browser, who.link, { ...who, screen: {} });
};

const slide = (page) => page.page.evaluate(readSlide, slideMarks);

const seesSlide = (page, colour, limit_ms) =>
  until(
    `the slide is ${colour}`,
    async () => {
      const seen = await slide(page);
      if (seen === null) throw new Error("no slide");
      if (nameOf(seen.field) !== colour) throw new Error(JSON.stringify(seen));
      return seen;
    },
    limit_ms,
  );

const turnTo = (page, colour) =>
  page.page.evaluate((rgb) => (window.slide = `rgb(${rgb.join(" ")})`), COLOURS[colour]);

const presents = (page, wanted) =>
  until(
    `presents: ${wanted}`,
    async () => (await page.page.locator("#present").getAttribute("aria-pressed")) === (wanted ? "true" : null),
  );

const noSlides = (page, limit_ms) =>
  until("no slides any more", async () => (await page.page.locator("#slides").count()) === 0, limit_ms);

before(async () => {
  await server.start();
  browser = await launch();
  const [link] = await server.loginLinks();
  chair = await ConsolePage.open(browser, link, { colour: "green", tone_hz: 1300 });
  a = await openRoom(A);
  b = await openRoom(B);
  await a.join();
  await b.join();
  await chair.is(A.label, "state", "present");
  await chair.is(B.label, "state", "present");
});

after(async () => {
  await browser?.close();
  await server.stop();
});

test("a room may not present until the chair lets it", async () => {
  assert.equal(await a.page.locator("#present").isDisabled(), true);
  await chair.choose(A.label);
  await chair.page.locator("#present-allow").click();
  await until("it may", async () => !(await a.page.locator("#present").isDisabled()));
  assert.equal(await b.page.locator("#present").isDisabled(), true);
});

test("who closes the browser's question presents nothing", async () => {
  await a.page.evaluate(() => (window.refuseScreen = true));
  await a.page.locator("#present").click();
  await pause(300);
  await presents(a, false);
  assert.equal(await a.page.locator(".toast").count(), 0, "an answer is no fault");
  assert.equal(await b.page.locator("#slides").count(), 0);
  await a.page.evaluate(() => (window.refuseScreen = false));
});

test("its screen is seen sharp, large beside the small program", async () => {
  await a.page.locator("#present").click();
  await seesSlide(b, "red");
  const seen = await until("full size and sharp", async () => {
    const now = await slide(b);
    return now.width === 1280 && now.contrast > SHARP ? now : null;
  });
  assert.equal(seen.height, 720);
  const [large, small] = await Promise.all(["#slides", "#program"].map((id) => b.page.locator(id).boundingBox()));
  assert.ok(large.width > small.width * 3, JSON.stringify([large, small]));
  await b.flows("the program beside it");
  assert.match(await b.page.locator("#presenting").innerText(), /Hà Khánh/);
  await presents(a, true);
});

test("a new slide reaches everybody at once", async () => {
  await turnTo(a, "blue");
  const started = performance.now();
  await seesSlide(b, "blue", 4000);
  await seesSlide(chair, "blue", 4000);
  console.error(`# a new slide after ${Math.round(performance.now() - started)} ms`);
});

test("a tap changes large and small, another one changes them back", async () => {
  await b.page.locator("#swap").click();
  const of = async (id) => (await b.page.locator(id).boundingBox()).width;
  await until("the program is large", async () => (await of("#program")) > (await of("#slides")) * 3);
  await b.page.locator("#swap").click();
  await until("the slides are large", async () => (await of("#slides")) > (await of("#program")) * 3);
});

test("the chair sees what is shown, and by whom, also beside the wall", async () => {
  assert.match(await chair.page.locator("#presenter").innerText(), /Hà Khánh/);
  assert.equal(await chair.row(A.label).first().locator(".presents").count(), 1, "a sign in its row");
  assert.equal(await chair.row(B.label).first().locator(".presents").count(), 0);
  await chair.page.locator("#view-wall").click();
  await pause(500);
  await seesSlide(chair, "blue");
  await chair.page.locator("#view-program").click();
});

const comesLate = async (what) => {
  const late = await openRoom(LATE);
  await late.page.evaluate(() => {
    const timer = setInterval(() => {
      const live = window.connections.find((pc) => pc.connectionState === "connected");
      const video = document.getElementById("slides");
      const sees = video !== null && video.readyState >= 2 && video.videoWidth > 0;
      // The picture may be there before the browser tells of the connection that brought it.
      if (live !== undefined || sees) window.livesSince ??= performance.now();
      if (!sees) return;
      window.waited_ms = performance.now() - window.livesSince;
      clearInterval(timer);
    }, 10);
  });
  await late.join();
  await seesSlide(late, "blue");
  assert.ok((await slide(late)).contrast > SHARP);
  const { waited_ms } = await until("the page's clock has seen it", () =>
    late.page.evaluate(() => window.waited_ms !== undefined && { waited_ms: window.waited_ms }),
  );
  console.error(`# ${what}: a late joiner's slide after ${Math.round(waited_ms)} ms`);
  // From the store: a machine with nothing else to do takes a tenth of this.
  assert.ok(waited_ms < 5000, `${waited_ms} ms`);
  await late.page.locator("#leave").click();
  await late.page.locator("#leave-yes").click();
  await late.context.close();
};

test("who comes late sees the slide at once", () => comesLate("a screen that moves"));

test("so does who comes while the screen rests, which sends nothing then", async () => {
  await a.page.evaluate(() => (window.screenRests = true));
  try {
    const shown = () =>
      b.page.evaluate(() => document.getElementById("slides").getVideoPlaybackQuality().totalVideoFrames);
    await pause(1500);
    const before = await shown();
    // Browsers take the rest for a lost line and ask for a keyframe after three seconds: they get nothing twice.
    await pause(4000);
    await comesLate("a screen that rests");
    assert.equal(await shown(), before);
  } finally {
    await a.page.evaluate(() => (window.screenRests = false));
  }
});

test("who takes a single picture, by WHEP, finds the slide in the program, and the program when it ends", async () => {
  const meeting = JSON.parse(await server.run("meeting", "list", "--json"))[0].id;
  const token = await server.run("token", "--meeting", meeting, "--observer");
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate(watchByWhep, { token, address: `/whep/${meeting}/program` });
  const watcher = new Watched(page);
  // The large tile is at the left; the field of the slide fills its lower third.
  await watcher.sees("the slide's field", [[0.4, 0.68]], ["blue"], 20_000);
  await chair.page.locator("#present-stop").click();
  await presents(a, false);
  await until("the slide is gone", async () => (await watcher.colours([[0.4, 0.68]]))?.[0] !== undefined);
  await watcher.sees("the program again", [[0.25, 0.5]], [A.colour], 20_000);
  await page.close();
  await a.page.locator("#present").click();
  await seesSlide(b, "blue");
});

/* Stopped and shown again, its encoders go off and on within the same moment: what came last must hold. */
test("who stops and presents again at once is seen again, however often", async () => {
  for (let round = 0; round < 6; round++) {
    await a.page.locator("#present").click();
    await presents(a, false);
    await a.page.locator("#present").click();
    await presents(a, true);
  }
  await turnTo(a, "red");
  await seesSlide(b, "red");
  await turnTo(a, "blue");
  await seesSlide(b, "blue");
});

test("the chair stops it: everybody has the program again, and the presenter is told", async () => {
  await chair.page.locator("#present-stop").click();
  for (const page of [b, chair]) await noSlides(page);
  await presents(a, false);
  assert.equal(await a.page.evaluate(() => window.screens.pop().readyState), "ended");
  await b.flows("the program");
});

test("it presents again, and the browser's own stop ends it", async () => {
  await turnTo(a, "red");
  await a.page.locator("#present").click();
  await seesSlide(b, "red");
  await a.page.evaluate(() => window.stopSharing());
  await noSlides(b);
  await presents(a, false);
});

test("another room with the floor takes over; the first one's screen is let go", async () => {
  await a.page.locator("#present").click();
  await seesSlide(b, "red");
  await chair.row(B.label).first().locator(".invite").click();
  await until("B may", async () => !(await b.page.locator("#present").isDisabled()));
  await turnTo(b, "green");
  await b.page.locator("#present").click();
  await seesSlide(a, "green");
  await presents(a, false);
  await presents(b, true);
});

test("the chair presents from its console, which takes over; its own screen is its preview", async () => {
  await chair.page.locator("#take-part").click();
  await chair.page.locator("#part-bar").waitFor();
  await chair.page.evaluate(fakeScreen, {});
  await turnTo(chair, "red");
  await chair.page.locator("#part-present").click();
  await presents(b, false);
  await seesSlide(a, "red");
  await seesSlide(chair, "red");
  // Nobody takes over from the chair.
  await b.page.locator("#present").click();
  await throughout("the chair presents", 800, async () => nameOf((await slide(a)).field) === "red");
  await chair.page.locator("#part-present").click();
  await noSlides(a);
  await chair.page.locator("#take-part").click();
  await b.page.locator("#present").click();
  await seesSlide(a, "green");
});

test("the bridge is killed: the presentation goes on by itself", async () => {
  const before = (await a.received()).number;
  await server.kill("bridge");
  await until("a new connection", async () => (await a.received())?.number > before);
  await turnTo(b, "blue");
  await seesSlide(a, "blue");
});

test("a presenter that loads its page anew has stopped presenting", async () => {
  await b.page.reload();
  await b.isIn();
  await noSlides(a);
});

test("a presenter whose line is lost is waited for, then everybody has the program again", async () => {
  await b.page.locator("#present").click();
  await seesSlide(a, "red");
  await b.context.close();
  // A line whose pauses have been long is given up to fifteen seconds before it counts as lost.
  await chair.is(B.label, "state", "lost", 25_000);
  assert.equal(await a.page.locator("#slides").count(), 1, "waited for");
  await noSlides(a, 25_000);
});

test("no page has complained", () => {
  for (const page of [chair, a]) assert.deepEqual(page.complaints, []);
});
