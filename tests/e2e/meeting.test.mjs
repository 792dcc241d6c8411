// The first meeting, end to end: a chair and two rooms through the real pages in a real browser, against the real
// programs with the bridge's sandbox on. Cases run in order: each starts where the one before left the meeting.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConsolePage, RoomPage, launch } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { throughout, until } from "./lib/wait.mjs";

const A = { code: "QN-193-01", label: "Phường Hà Khánh", colour: "red", tone_hz: 500 };
const B = { code: "QN-193-02", label: "Phường Hà Phong", colour: "blue", tone_hz: 820 };
const HALL = { label: "Tỉnh Quảng Ninh", colour: "green", tone_hz: 1300 };
// Centres of the tiles, as shares of the picture.
const LEFT = [0.25, 0.5];
const RIGHT = [0.75, 0.5];
const CENTRE = [0.5, 0.5];
// A tone stands this far above silence when it is heard; one that is not heard stays this far below those that are.
const HEARD_DB = -60;
const APART_DB = 20;

const server = new Server();
let browser;
let chair;
let a;
let b;
const pages = [];

const openRoom = async (who, more = {}) => {
  who.link ??= await server.roomLink(who.code);
  const room = await RoomPage.open(browser, who.link, { ...who, ...more });
  pages.push(room);
  return room;
};

/** Hears these tones and not those, in several looks one after the other. */
const hears = async (page, heard_hz, unheard_hz) => {
  await until(`hears ${heard_hz.join(", ")} Hz`, async () => {
    const levels = await page.levels(heard_hz);
    if (levels === null || levels.some((level) => level < HEARD_DB)) throw new Error(String(levels));
    return true;
  });
  let looks = 0;
  await until(`does not hear ${unheard_hz.join(", ")} Hz`, async () => {
    const heard = await page.levels(heard_hz);
    const unheard = await page.levels(unheard_hz);
    // Between two syllables there is nothing to compare with.
    if (heard.some((level) => level < HEARD_DB)) return false;
    if (Math.max(...unheard) > Math.min(...heard) - APART_DB) {
      looks = 0;
      throw new Error(`heard ${heard.map(Math.round)}, should not hear ${unheard.map(Math.round)}`);
    }
    return ++looks >= 5;
  });
};

const silent = async (page, hz) => {
  let looks = 0;
  await until(`${hz} Hz is silent`, async () => {
    const [level] = await page.levels([hz]);
    looks = level < HEARD_DB ? looks + 1 : 0;
    if (looks === 0) throw new Error(`${Math.round(level)} dB`);
    return looks >= 10;
  });
};

before(async () => {
  await server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.stop();
});

test("the bridge's sandbox is on", async () => {
  assert.match(server.ready, /seccomp/i);
  const status = await (await fetch(`${server.url}/readyz`)).text();
  assert.doesNotMatch(status, /sandbox["\s:]+(off|false)/i);
});

test("a wrong link says so in plain words and whom to call", async () => {
  const page = await browser.newPage();
  await page.goto(`${server.url}/r#AAAAAAAAAAAAAAAAAAAAAA`);
  await page.locator("#refused").waitFor();
  assert.match(await page.locator("#refused").innerText(), /0203 001 0000/);
  // No token, half an escape, far too long: the same page, and never an empty one.
  for (const tail of ["", "#%zz", `#${"x".repeat(5000)}`]) {
    await page.goto("about:blank");
    await page.goto(`${server.url}/r${tail}`);
    await page.locator("#refused").waitFor();
  }
  await page.close();
});

test("a chair logs in by the one-time link and sees all 201 rooms", async () => {
  const [link] = await server.loginLinks();
  chair = await ConsolePage.open(browser, link, HALL);
  pages.push(chair);
  await until("rows", async () => (await chair.page.locator("#rooms .room-row").count()) === 201);
  assert.equal(await chair.page.locator("#counts").getAttribute("data-present"), "0");
});

test("the login link works once", async () => {
  const [link] = await server.loginLinks();
  const page = await (await browser.newContext()).newPage();
  await page.goto(link);
  await page.locator("#login-failed").waitFor();
  await page.context().close();
});

test("two rooms join by one button, and the chair sees them there", async () => {
  a = await openRoom(A);
  await a.join();
  b = await openRoom(B);
  await b.join();
  await chair.is(A.label, "state", "present");
  await chair.is(B.label, "state", "present");
  await until(
    "two are counted",
    async () => (await chair.page.locator("#counts").getAttribute("data-present")) === "2",
  );
});

test("each room hears the other and not itself, the chair hears both", async () => {
  await hears(a, [B.tone_hz], [A.tone_hz]);
  await hears(b, [A.tone_hz], [B.tone_hz]);
  await chair.page.locator("#listen").click();
  await hears(chair, [A.tone_hz, B.tone_hz], [1300]);
});

test("a room mutes itself: nobody hears it, the chair sees it", async () => {
  await a.page.locator("#microphone").click();
  await chair.is(A.label, "microphone", "off");
  await silent(b, A.tone_hz);
  await a.page.locator("#muted-talk").waitFor();
  await a.page.locator("#microphone").click();
  await chair.is(A.label, "microphone", "on");
  await hears(b, [A.tone_hz], [B.tone_hz]);
});

test("the chair mutes one room, which cannot unmute itself until it may", async () => {
  await chair.choose(A.label);
  await chair.page.locator("#mute-one").click();
  await chair.is(A.label, "microphone", "held-off");
  await silent(b, A.tone_hz);
  await a.page.locator("#microphone").click();
  await throughout("stays held", 600, async () => (await a.microphone()) === "false");
  await chair.page.locator("#allow").click();
  await chair.is(A.label, "microphone", "off");
  await a.page.locator("#microphone").click();
  await chair.is(A.label, "microphone", "on");
});

test("rooms ask for the floor and queue in the order of asking", async () => {
  await a.page.locator("#hand").click();
  await until("A is in the queue", async () => (await chair.page.locator("#hands .room-row").count()) === 1);
  await b.page.locator("#hand").click();
  await until("both are in the queue, A first", async () => {
    const rows = await chair.page.locator("#hands .room-row").allInnerTexts();
    return rows.length === 2 && rows[0].includes(A.label) && rows[1].includes(B.label);
  });
  await until("B knows its place", async () => /2/.test(await b.page.locator("#hand").innerText()));
});

test("the chair gives the floor: banner, name at the chair, others held off", async () => {
  await chair.page.locator("#hands .room-row", { hasText: A.label }).locator(".invite").click();
  await a.page.locator("#floor-banner").waitFor();
  await chair.is(A.label, "floor", "given");
  await chair.is(B.label, "microphone", "held-off");
  await until("the chair sees who has the floor", async () =>
    (await chair.page.locator("#floor-holder").innerText()).includes(A.label),
  );
  await silent(a, B.tone_hz);
});

test("1+1 with the floor at A: A left and B right, on every screen", async () => {
  await chair.page.locator('[data-layout="1+1"]').click();
  for (const page of [a, b, chair]) await page.sees("1+1", [LEFT, RIGHT], [A.colour, B.colour]);
});

test("one room on the full picture", async () => {
  await chair.page.locator('[data-layout="full"]').click();
  for (const page of [a, b, chair])
    await page.sees("full", [LEFT, CENTRE, RIGHT], [A.colour, A.colour, A.colour]);
});

test("the floor moves, and the picture with it", async () => {
  await chair.page.locator("#hands .room-row", { hasText: B.label }).locator(".invite").click();
  await b.page.locator("#floor-banner").waitFor();
  for (const page of [a, b, chair]) await page.sees("full", [CENTRE], [B.colour]);
  await chair.page.locator('[data-layout="1+1"]').click();
  for (const page of [a, b, chair]) await page.sees("1+1", [LEFT, RIGHT], [B.colour, A.colour]);
});

test("the floor is taken back", async () => {
  await chair.page.locator("#floor-take").click();
  await chair.is(B.label, "floor", "none");
  await b.page.locator("#floor-banner").waitFor({ state: "detached" });
});

test("the chair takes part with picture and sound, hears no echo of itself, and stops", async () => {
  for (const room of [a, b])
    if ((await room.microphone()) === "false") await room.page.locator("#microphone").click();
  await chair.page.locator("#take-part").click();
  await chair.page.locator("#part-bar").waitFor();
  await chair.is(HALL.label, "state", "present");
  await hears(a, [HALL.tone_hz, B.tone_hz], [A.tone_hz]);
  await hears(chair, [A.tone_hz, B.tone_hz], [HALL.tone_hz]);
  await chair.page.locator("#take-part").click();
  await chair.is(HALL.label, "state", "absent");
  await chair.page.locator("#part-bar").waitFor({ state: "detached" });
  await until("the chair still sees", async () => (await chair.colours([LEFT, RIGHT]))?.includes(A.colour));
});

test("the wall shows every room, and the way back is the program", async () => {
  await chair.page.locator("#view-wall").click();
  // 201 tiles: somewhere among them are the two colours.
  await until("both colours are on the wall", async () => {
    const points = [];
    for (let y = 0; y < 30; y++) for (let x = 0; x < 40; x++) points.push([(x + 0.5) / 40, (y + 0.5) / 30]);
    const seen = new Set(await chair.colours(points));
    return seen.has(A.colour) && seen.has(B.colour);
  });
  await chair.page.locator("#view-program").click();
  await until("the program is back", async () => new Set(await chair.colours([LEFT, RIGHT])).size === 2);
});

test("search ignores diacritics and finds by beginnings of words", async () => {
  const visible = () => chair.page.locator("#rooms .room-row").allInnerTexts();
  await chair.page.locator("#search").fill("ha phong");
  await until("a few rows", async () => (await visible()).length <= 3);
  assert.ok((await visible()).some((text) => text.includes("Hà Phong")));
  await chair.page.locator("#search").fill("dong trieu");
  await until("Đông Triều", async () => (await visible()).some((text) => text.includes("Đông Triều")));
  await chair.page.locator("#search").fill("khong co ai");
  await until("no row", async () => (await visible()).length === 0);
  await chair.page.locator("#search").fill("");
  await until("all rows", async () => (await visible()).length === 201);
});

test("a short press on mute-all does nothing, holding mutes all, undo brings back what was", async () => {
  for (const room of [a, b])
    if ((await room.microphone()) === "false") await room.page.locator("#microphone").click();
  for (const { label } of [A, B]) await chair.is(label, "microphone", "on");
  await chair.page.locator("#mute-all").click();
  await throughout(
    "nothing is muted",
    800,
    async () => (await chair.row(A.label).first().getAttribute("data-microphone")) === "on",
  );
  await until("it says again what it does", async () =>
    (await chair.page.locator("#mute-all").innerText()).includes("Tắt mic tất cả"),
  );
  await chair.hold("#mute-all");
  for (const { label } of [A, B]) await chair.is(label, "microphone", "held-off");
  await chair.page.locator("#undo").click();
  for (const { label } of [A, B]) await chair.is(label, "microphone", "on");
  await hears(b, [A.tone_hz], [B.tone_hz]);
});

test("rows keep their place while the mouse is on the list", async () => {
  await chair.page.locator('[data-filter="present"]').click();
  await until("two rows", async () => (await chair.page.locator("#rooms .room-row").count()) === 2);
  await chair.row(A.label).hover();
  await b.page.locator("#leave").click();
  await b.page.locator("#leave-yes").click();
  await chair.is(B.label, "state", "absent");
  assert.equal(await chair.page.locator("#rooms .room-row").count(), 2);
  await chair.page.mouse.move(200, 20);
  await until("one row", async () => (await chair.page.locator("#rooms .room-row").count()) === 1);
  await chair.page.locator('[data-filter="all"]').click();
  await b.join();
  await chair.is(B.label, "state", "present");
});

test("a reload finds the same seat: no ghost, same microphone, picture and sound again", async () => {
  await chair.choose(A.label);
  await a.page.locator("#microphone").click();
  await chair.is(A.label, "microphone", "off");
  await a.page.reload();
  await a.isIn();
  await chair.is(A.label, "state", "present");
  assert.equal(await a.microphone(), "false");
  await chair.is(A.label, "microphone", "off");
  assert.equal(await chair.page.locator("#counts").getAttribute("data-present"), "2");
  await a.page.locator("#microphone").click();
  await hears(b, [A.tone_hz], [B.tone_hz]);
  await until("A's colour is back", async () => (await b.colours([LEFT, RIGHT]))?.includes(A.colour));
});

test("a second browser takes the seat over; the first stops and can take it back", async () => {
  const second = await openRoom(A, { colour: "green" });
  await a.page.locator("#taken").waitFor();
  await second.join();
  await chair.is(A.label, "state", "present");
  await until("the new camera is seen", async () => (await b.colours([LEFT, RIGHT]))?.includes("green"));
  await throughout("the first does not return by itself", 1500, () => a.page.locator("#taken").isVisible());
  await a.page.locator("#take-back").click();
  await a.isIn();
  await second.page.locator("#taken").waitFor();
  await until("the first camera is seen", async () => (await b.colours([LEFT, RIGHT]))?.includes(A.colour));
  assert.equal(await chair.page.locator("#counts").getAttribute("data-present"), "2");
  await second.context.close();
});

test("the chair sends a room out; it stays out until somebody presses the button", async () => {
  await chair.choose(A.label);
  await chair.page.locator("#disconnect").click();
  await a.page.locator("#join").waitFor();
  await chair.is(A.label, "state", "absent");
  await throughout("it does not return by itself", 1500, () => a.page.locator("#join").isVisible());
  await a.join();
  await chair.is(A.label, "state", "present");
});

test("a path that is lost is repaired by an ICE restart: the same connection goes on", async () => {
  const before = await a.page.evaluate(() => {
    const pc = window.connections.filter((one) => one.connectionState === "connected").pop();
    window.restarted = pc;
    // What the browser says when nothing has come back for five seconds.
    Object.defineProperty(pc, "connectionState", { value: "disconnected", configurable: true });
    pc.dispatchEvent(new Event("connectionstatechange"));
    delete pc.connectionState;
    return {
      number: window.connections.length,
      ufrag: /a=ice-ufrag:(\S+)/.exec(pc.remoteDescription.sdp)[1],
    };
  });
  await until("new credentials on the same connection", async () => {
    const ufrag = await a.page.evaluate(
      () => /a=ice-ufrag:(\S+)/.exec(window.restarted.remoteDescription.sdp)[1],
    );
    return ufrag !== before.ufrag;
  });
  await a.isIn();
  await a.flows("A");
  assert.equal((await a.received()).number, before.number);
});

test("a line that goes dead without a word: the page says so, and is back in its seat when it lives", async () => {
  const states = async () => [await a.connection(), await b.connection()];
  server.freeze();
  try {
    await until("both rooms notice", async () => !(await states()).includes("link.up"), 25_000);
  } finally {
    server.thaw();
  }
  await until("both are back", async () => (await states()).every((state) => state === "link.up"), 10_000);
  await a.flows("A");
  await b.flows("B");
  for (const { label } of [A, B]) await chair.is(label, "state", "present");
  assert.equal(await chair.page.locator("#counts").getAttribute("data-present"), "2");
});

test("a camera that is pulled out: the room stays, says so, and takes it back", async () => {
  await a.page.evaluate(() => window.plug("video", false));
  await a.page.locator('[data-trouble^="video-"]').waitFor();
  assert.equal(await a.connection(), "link.up");
  await a.page.evaluate(() => window.plug("video", true));
  await a.page.locator('[data-trouble^="video-"]').waitFor({ state: "detached" });
  await until("A's colour is back", async () => (await b.colours([LEFT, RIGHT]))?.includes(A.colour));
});

test("a room without camera and microphone still joins and hears", async () => {
  const bare = await openRoom({ code: "QN-193-03", colour: "green", tone_hz: 1300 }, { devices: [] });
  await bare.page.locator('[data-trouble="video-missing"]').waitFor();
  await bare.page.locator('[data-trouble="audio-missing"]').waitFor();
  await bare.join();
  await hears(bare, [A.tone_hz], [1300]);
  await bare.page.locator("#leave").click();
  await bare.page.locator("#leave-yes").click();
  await bare.context.close();
});

test("signaling is killed: the media does not stop, control comes back", async () => {
  const before = await a.received();
  await server.kill("signaling");
  await a.flows("A");
  for (const page of [a, b])
    await until("control is back", async () => (await page.connection()) === "link.up");
  await until("the chair is back", async () => (await chair.connection()) === "open");
  const now = await a.received();
  assert.equal(now.number, before.number, "the same peer connection");
  await a.page.locator("#hand").click();
  await until(
    "a hand reaches the chair",
    async () => (await chair.page.locator("#hands .room-row").count()) === 1,
  );
  await a.page.locator("#hand").click();
  for (const { label } of [A, B]) await chair.is(label, "state", "present");
});

test("the bridge is killed: everybody is back by itself, same seats, picture and sound", async () => {
  const before = await Promise.all([a, b, chair].map((page) => page.received()));
  await server.kill("bridge");
  for (const [i, page] of [a, b, chair].entries()) {
    // The last picture of the old connection stays on the screen: only a new connection counts.
    await until("a new connection", async () => (await page.received())?.number > before[i].number);
    await until("both colours are back", async () => {
      const seen = await page.colours([LEFT, RIGHT]);
      return seen?.includes(A.colour) && seen.includes(B.colour);
    });
  }
  await a.flows("A");
  await b.flows("B");
  await hears(a, [B.tone_hz], [A.tone_hz]);
  await hears(b, [A.tone_hz], [B.tone_hz]);
  for (const { label } of [A, B]) await chair.is(label, "state", "present");
});

test("ending can be undone; not undone, it ends for everybody, who then wait with a clock", async () => {
  await chair.hold("#end");
  await chair.page.locator("#undo").click();
  await chair.page.locator("#undo-bar").waitFor({ state: "detached" });
  await throughout("the meeting goes on", 1000, async () => (await a.connection()) === "link.up");
  await chair.hold("#end");
  for (const room of [a, b]) await room.page.locator("#waiting").waitFor();
  await chair.page.locator("#lobby").waitFor();
});

test("a new meeting is made and opened: waiting rooms come in by themselves", async () => {
  await chair.page.locator("#lobby input").fill("Giao ban tuần");
  await chair.page.locator("#lobby form button").click();
  await chair.page.locator("#lobby .lobby-row", { hasText: "Giao ban tuần" }).locator("button").click();
  for (const room of [a, b]) await room.isIn();
  await chair.is(A.label, "state", "present");
});

test("no page broke a rule or threw an error", () => {
  assert.deepEqual(
    pages.flatMap((page) => page.complaints),
    [],
  );
});
