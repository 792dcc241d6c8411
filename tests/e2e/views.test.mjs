// Views and layouts as people see them: pages in turn on a second screen, changes without a black frame, a server that is
// short of power, and a room whose network changes. Real pages, real programs, sandbox on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConsolePage, RoomPage, launch } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { pause, until } from "./lib/wait.mjs";
import { beginLooking } from "./lib/watcher.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SIM = resolve(ROOT, process.env.BIN ?? "build/release/bin", "diemcau-sim");
const ROOMS = 9;
/** The places of a 2x2 grid, beside the numbers and names that the simulated cameras show; also within `full` and `1+5`. */
const PLACES = [
  [0.06, 0.3],
  [0.56, 0.3],
  [0.06, 0.8],
  [0.56, 0.8],
];

const server = new Server();
let browser;
let chair;
let technician;
let screen;
let sim;

const simulate = (...words) =>
  spawn(SIM, ["--http", server.url, "--data", server.data, "--seed", "7", ...words], { stdio: "ignore" });

const page = async (which) => Number(await which.locator("#page-number").first().getAttribute("data-page"));

const pictureMoves = (which) =>
  until("a picture that moves", async () => {
    const time = () => which.evaluate(() => document.getElementById("program")?.currentTime ?? 0);
    const then = await time();
    await pause(300);
    return (await time()) > then && then > 0;
  });

before(async () => {
  await server.start();
  sim = simulate("--count", String(ROOMS), "--seconds", "0", "--talk", "none");
  browser = await launch();
  const [chairLink, technicianLink] = await server.loginLinks();
  chair = await ConsolePage.open(browser, chairLink);
  technician = await ConsolePage.open(browser, technicianLink);
  await until(
    "all rooms are present",
    async () => (await chair.page.locator("#counts").getAttribute("data-present")) === String(ROOMS),
    40_000,
  );
});

after(async () => {
  sim?.kill("SIGTERM");
  await browser?.close();
  await server.stop();
});

test("layouts change without a black frame", async () => {
  await pictureMoves(chair.page);
  const inside = [[0.06, 0.3]]; // in the first tile of all of these
  await chair.page.evaluate(beginLooking, inside);
  for (const layout of ["full", "1+5", "grid", "full", "1+7", "full"]) {
    await chair.page.locator(`[data-layout="${layout}"]`).click();
    await pause(700);
  }
  await chair.page.locator("#grid-size").selectOption("2x2");
  await until("2x2 is chosen", async () => (await chair.page.locator("#grid-size").inputValue()) === "2x2");
  await pause(700);
  const seen = await chair.page.evaluate(() => window.looked());
  assert.ok(seen.frames > 30, `${seen.frames} frames`);
  assert.deepEqual(seen.black, []);
});

test("the program shows all rooms in turn when the chair wants it", async () => {
  await chair.page.locator("#program-turn").click();
  await chair.page.locator("#program-every").selectOption("5");
  await chair.page.evaluate(beginLooking, PLACES);
  await pause(6500);
  const seen = await chair.page.evaluate(() => window.looked());
  assert.ok(seen.colours.every((n) => n >= 2), `other rooms came: ${seen.colours}`);
  await chair.page.locator("#program-turn").click();
  await chair.page.locator("#program-every").waitFor({ state: "detached" });
});

test("a second screen shows the pages; a step and a turn have their pictures at once", async () => {
  screen = await chair.context.newPage();
  await screen.goto(`${server.url}/screen`);
  await screen.mouse.move(200, 200);
  await screen.locator("#page-side").selectOption("2");
  await until("three pages", async () => (await screen.locator("#page-number").first().getAttribute("data-pages")) === "3");
  await screen.mouse.move(202, 200); // the bar may have gone again
  await screen.locator("#page-hold").click();
  await pictureMoves(screen);
  await until("held", async () => (await screen.locator("#page-hold").getAttribute("aria-pressed")) === "true");
  while ((await page(screen)) !== 1) {
    const before = await page(screen);
    await screen.mouse.move(201, 200);
    await screen.locator("#page-next").click();
    await until("the next page", async () => (await page(screen)) !== before);
  }
  await pause(4000); // a step that nobody foresaw waits for its pictures
  await screen.evaluate(beginLooking, PLACES);
  await screen.mouse.move(200, 201);
  await screen.locator("#page-next").click();
  await until("page 2", async () => (await page(screen)) === 2);
  await pause(4000);
  const seen = await screen.evaluate(() => window.looked());
  assert.deepEqual(seen.black, []);
  assert.ok(seen.colours.every((n) => n >= 2), `other rooms came: ${seen.colours}`);
});

test("a second screen keeps its picture whatever happens in the meeting", async () => {
  const shown = () =>
    screen.evaluate(() => {
      const [track] = document.getElementById("program").srcObject.getVideoTracks();
      return { connections: window.connections.length, track: track.id };
    });
  const before = await shown();
  await chair.page.locator("#rooms .invite").first().click();
  await chair.page.locator("#floor-take:enabled").waitFor();
  await chair.page.locator(".commands button", { hasText: "Thông báo" }).click();
  await chair.page.locator("dialog input").fill("Nghỉ 10 phút");
  await chair.page.locator("dialog button", { hasText: "Gửi" }).click();
  await chair.page.locator("dialog").waitFor({ state: "detached" });
  await chair.page.locator("#floor-take").click();
  await chair.page.locator("#floor-take:disabled").waitFor();
  await pictureMoves(screen);
  assert.deepEqual(await shown(), before, "the same picture by the same connection");
});

test("the technician lets the pages go on; both see the same page", async () => {
  const desk = await technician.context.newPage();
  await desk.goto(`${server.url}/screen`);
  await desk.mouse.move(200, 200);
  await until("the same page", async () => (await page(desk)) === (await page(screen)));
  await desk.locator("#page-every").selectOption("5");
  await desk.locator("#page-hold").click();
  await pictureMoves(screen);
  await screen.evaluate(beginLooking, PLACES);
  const before = await page(screen);
  await until("the page turns by itself", async () => (await page(screen)) !== before, 9000);
  await until("on both", async () => (await page(desk)) === (await page(screen)));
  await pause(1500);
  const seen = await screen.evaluate(() => window.looked());
  // The third page has one room: its other places are empty.
  assert.deepEqual(
    seen.black.filter(({ at }) => at === 0),
    [],
  );
  assert.ok(seen.colours[0] >= 2);
  await desk.close();
});

test("nobody watches the pages: they are no longer composed", async () => {
  const views = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^diemcau_bridge_studio_views (\d+)/m.exec(text)[1]);
  };
  await until("program and pages", async () => (await views()) === 2);
  await screen.close();
  await until("the program alone", async () => (await views()) === 1, 25_000);
});

test("a large screen gets the wall larger than an ordinary one", async () => {
  const context = await browser.newContext({
    storageState: await technician.context.storageState(),
    viewport: { width: 1280, height: 800 },
    screen: { width: 2560, height: 1440 },
  });
  const large = await context.newPage();
  await large.goto(`${server.url}/chair`);
  await large.locator("#view-wall").click();
  const wide = (which) => which.evaluate(() => document.getElementById("program").videoWidth);
  await until("2560x1440", async () => (await wide(large)) === 2560, 20_000);
  await chair.page.locator("#view-wall").click();
  await until("1920x1080", async () => (await wide(chair.page)) === 1920, 20_000);
  assert.equal(await wide(large), 2560);
  await context.close();
  await chair.page.locator("#view-program").click();
});

const credentials = (room) =>
  room.page.evaluate(() => {
    const pc = window.connections.filter((one) => one.connectionState === "connected").pop();
    return /a=ice-ufrag:(\S+)/.exec(pc?.remoteDescription?.sdp ?? "")?.[1] ?? null;
  });

test("a room's network changes: ICE is restarted at once, on the same connection, in the same seat", async () => {
  const code = "QN-193-20";
  const link = await server.roomLink(code);
  const room = await RoomPage.open(browser, link, { colour: "red", tone_hz: 500 });
  await room.join();
  const before = await until("connected", () => credentials(room));
  const number = await room.page.evaluate(() => window.connections.length);
  await room.page.evaluate(() => window.dispatchEvent(new Event("online")));
  await until("new credentials", async () => ![null, before].includes(await credentials(room)), 4000);
  const { frames } = await until("media", () => room.received());
  await until("pictures go on", async () => (await room.received())?.frames > frames + 20);
  assert.equal(await room.page.evaluate(() => window.connections.length), number, "the same connection");
  await room.context.close();
});

test("a server that is short of power says so, lowers pictures, and refuses what does not fit in words", async () => {
  sim.kill("SIGTERM");
  const small = new Server();
  await small.start({ "bridge.budget_percent": 1 });
  const rooms = spawn(SIM, ["--http", small.url, "--data", small.data, "--count", "8", "--seconds", "0"], {
    stdio: "ignore",
  });
  try {
    const [chairLink, technicianLink] = await small.loginLinks();
    const weak = await ConsolePage.open(browser, chairLink);
    const desk = await ConsolePage.open(browser, technicianLink);
    await weak.page.locator("#load-sign").waitFor({ timeout: 30_000 });
    const load = desk.page.locator("#load");
    await until("the technician sees a level", async () => Number(await load.getAttribute("data-level")) > 0);
    assert.match(await load.innerText(), /Bộ xử lý: \d,\d trên 0,0 nhân/);
    assert.ok((await load.locator(".pill").count()) > 0, "what is lowered is named");
    // Eight tiles in a grid are dearer than one large and seven small on every step of the ladder.
    await weak.page.locator('[data-layout="grid"].misfit').waitFor({ timeout: 20_000 });
    await weak.page.locator('[data-layout="grid"]').click();
    await weak.page.locator(".toast", { hasText: "nhân xử lý" }).waitFor();
    assert.equal(await weak.page.locator('[data-layout="1+7"]').getAttribute("aria-pressed"), "true");
    const text = await (await fetch(`${small.url}/metrics`)).text();
    assert.match(text, /^diemcau_bridge_load_level [1-9]/m);
    assert.match(text, /^diemcau_bridge_load_why\{why="\w+"\} 1/m);
  } finally {
    rooms.kill("SIGTERM");
    await small.stop();
  }
});

test("no page broke a rule or threw an error", () => {
  assert.deepEqual(
    [chair, technician].flatMap((one) => one.complaints),
    [],
  );
});
