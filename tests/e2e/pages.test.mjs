// The pages beside the meeting: logins, the technician's desk with links and import, a browser without devices, small
// screens, and the second language.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConsolePage, RoomPage, launch } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { until } from "./lib/wait.mjs";

const ROOM = { code: "QN-193-02", label: "Phường Hà Phong", colour: "blue", tone_hz: 820 };
const server = new Server();
let browser;
let desk;
let link;
let room;
const pages = [];

before(async () => {
  await server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
});

const isWhole = async (page, what) => {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(over <= 0, `${what} is ${over} px too wide`);
};

const importCsv = async (text) => {
  await desk.page
    .locator("#import-file")
    .setInputFiles({ name: "roster.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
};

test("a wrong password is refused in words, the right one leads to the console", async () => {
  const password = server.output.match(/chutoa\s+(\S+)/)?.[1];
  assert.ok(password, "the trial prints the chair's password once");
  const page = await (await browser.newContext({ locale: "vi-VN" })).newPage();
  await page.goto(server.url);
  await page.locator("#name").fill("chutoa");
  await page.locator("#password").fill("not-this-one");
  await page.locator("#login button[type=submit]").click();
  await page.locator("#failure").waitFor();
  assert.notEqual((await page.locator("#failure").innerText()).trim(), "");
  await page.locator("#password").fill(password);
  await page.locator("#login button[type=submit]").click();
  await page.waitForURL("**/chair");
  await until("rows", async () => (await page.locator("#rooms .room-row").count()) === 201);
  await page.context().close();
});

test("a login link is tried again while the server cannot be reached", async () => {
  const page = await (await browser.newContext({ locale: "vi-VN" })).newPage();
  let cuts = 1;
  await page.route("**/api/v1/login", (route) => (cuts-- > 0 ? route.abort() : route.continue()));
  await page.goto((await server.loginLinks())[0]);
  await page.waitForURL("**/chair");
  assert.ok(cuts < 0);
  await page.context().close();
});

test("a console without a login leads to the login", async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.url}/technician`);
  await page.locator("#login").waitFor();
  await page.context().close();
});

test("the technician sees the roster by districts and finds a room", async () => {
  desk = await ConsolePage.open(browser, (await server.loginLinks())[1]);
  pages.push(desk);
  await until(
    "14 districts and the province",
    async () => (await desk.page.locator("#tree .group").count()) === 15,
  );
  await desk.page.locator("#search").fill("ha phong");
  await desk.page.locator("#tree .leaf", { hasText: ROOM.label }).click();
  assert.match(await desk.page.locator(".details").innerText(), /QN-193-02/);
});

test("a new link comes with its QR code, and opens the room", async () => {
  await desk.page.locator("#make-link").click();
  await desk.page.locator("#room-link").waitFor();
  link = server.here(await desk.page.locator("#room-link").inputValue());
  await desk.page.locator(".qr svg").waitFor();
  room = await RoomPage.open(browser, link, ROOM);
  pages.push(room);
  await until("the room's name", async () =>
    (await room.page.locator("h1").innerText()).includes(ROOM.label),
  );
  await room.join();
  await until(
    "live state in the tree",
    async () =>
      (await desk.page.locator("#tree .leaf", { hasText: ROOM.label }).getAttribute("data-state")) ===
      "present",
  );
});

test("making another link asks first, and ends the old one, also for who sits there by it", async () => {
  await until(
    "the old link is known",
    async () => (await desk.page.locator(".link-state.active").count()) > 0,
  );
  await desk.page.locator("#make-link").click();
  await desk.page.locator("#link-yes").click();
  await until(
    "another link",
    async () => server.here(await desk.page.locator("#room-link").inputValue()) !== link,
  );
  await room.page.locator("#refused").waitFor();
  await room.context.close();
  const page = await (await browser.newContext({ locale: "vi-VN" })).newPage();
  await page.goto(link);
  await page.locator("#refused").waitFor();
  // Whom to call comes from the roster: the technician of the room's district.
  assert.match(await page.locator("#refused").innerText(), /0203 001 0\d{3}/);
  await page.context().close();
});

test("an import tells what it did, line by line", async () => {
  await desk.page.locator("#import").click();
  await importCsv(
    "code;name;type;district;group;phone;technician;technician_phone;note\nQN-193-02;Hà Phong;phường;Thành phố Hạ Long;Cấp xã;0203 000 7777;;;\nTHU-1;Điểm thử;xã;Huyện Ba Chẽ;Cấp xã;;;;\n",
  );
  await desk.page.locator("#import-report").waitFor();
  await until("two lines", async () => (await desk.page.locator(".import-rows tbody tr").count()) === 2);
});

test("a roster that is none is refused line by line, and changes nothing", async () => {
  await importCsv("a,b\n1,2\n");
  await desk.page.locator(".notice.bad").waitFor();
  assert.ok((await desk.page.locator(".import-rows tbody tr").count()) > 0);
  // A Windows program's own code page: the bytes go to the server as they are.
  await importCsv(Buffer.from("code;name\nTHU-2;\xd0i\xeam\n", "latin1"));
  await until("told", async () => (await desk.page.locator(".import-rows").innerText()).includes("UTF-8"));
  await desk.page.locator("dialog .button.primary").click();
  await desk.page.locator("#search").fill("diem thu");
  await until("the imported room", async () => (await desk.page.locator("#tree .leaf").count()) === 1);
});

test("a sheet of QR codes can be printed when all are there, and asks again for one that failed", async () => {
  const page = await desk.context.newPage();
  let asked = 0;
  await page.route("**/api/v1/qr", (route) => (++asked === 2 ? route.abort() : route.continue()));
  await page.goto(`${server.url}/technician`);
  await page.locator("#search").fill("diem thu");
  await until("one district", async () => (await page.locator("#tree .group").count()) === 1);
  await page.locator("#tree .group-head .quiet").click();
  await page.locator("#sheet-make").click();
  await until("Thử lại", async () => (await page.locator("#sheet-make").innerText()).includes("Thử lại"));
  const print = page.locator(".sheet-tools.row .primary");
  assert.equal(await print.count(), 0);
  await page.locator("#sheet-make").click();
  await print.waitFor();
  const cards = await page.locator(".sheet-card").count();
  assert.ok(cards > 1);
  assert.equal(await page.locator(".sheet-card .qr svg").count(), cards);
  await page.close();
});

test("a browser that gives no devices at all: says so in words, joins all the same", async () => {
  const context = await browser.newContext({ locale: "vi-VN", viewport: { width: 1024, height: 600 } });
  await context.addInitScript(() => Object.defineProperty(navigator, "mediaDevices", { value: undefined }));
  const page = await context.newPage();
  await page.goto(await server.roomLink("QN-193-03"));
  await page.locator('[data-trouble="video-insecure"]').waitFor();
  assert.match(await page.locator('[data-trouble="audio-insecure"]').innerText(), /https/);
  await page.locator("#join").click();
  await until(
    "it is in",
    async () => (await page.locator("#connection").getAttribute("data-state")) === "link.up",
  );
  await context.close();
});

test("every page fits a screen of 1024x600", async () => {
  const room = await RoomPage.open(browser, await server.roomLink("QN-193-04"), ROOM);
  pages.push(room);
  await room.page.locator("#join").waitFor();
  await isWhole(room.page, "check");
  await room.join();
  await isWhole(room.page, "meeting");
  for (const path of ["/", "/technician", "/chair"]) {
    await desk.page.setViewportSize({ width: 1024, height: 600 });
    await desk.page.goto(server.url + path);
    await desk.page.locator("main .button:visible").first().waitFor();
    await isWhole(desk.page, path);
  }
  await room.context.close();
});

test("with two open meetings a room asks which, and does not ask again after a reload", async () => {
  await server.run("meeting", "create", "--title", "Giao ban tuần", "--open");
  const asked = await RoomPage.open(browser, await server.roomLink("QN-193-05"), ROOM);
  pages.push(asked);
  await asked.page.locator("#join").click();
  await asked.page.locator("#choose").waitFor();
  await asked.page.locator("#choose .button", { hasText: "Giao ban tuần" }).click();
  await asked.isIn();
  await asked.page.reload();
  await asked.isIn();
  assert.match(await asked.page.locator("header.top").innerText(), /Giao ban tuần/);
  await asked.context.close();
});

test("the second language is one touch away and stays", async () => {
  await desk.page.setViewportSize({ width: 1280, height: 800 });
  await desk.page.goto(`${server.url}/technician`);
  await desk.page.locator(".language").click();
  await until("English", async () =>
    (await desk.page.locator("#import").innerText()).includes("Import roster"),
  );
  await desk.page.reload();
  await until("still English", async () =>
    (await desk.page.locator("#import").innerText()).includes("Import roster"),
  );
  assert.equal(await desk.page.evaluate(() => document.documentElement.lang), "en");
});

test("no page broke a rule or threw an error", () => {
  assert.deepEqual(
    pages.flatMap((page) => page.complaints),
    [],
  );
});
