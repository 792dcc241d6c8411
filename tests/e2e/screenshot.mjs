// Pictures of a running meeting for the documents: a browser room joins by its link and talks, the chair gives it the
// floor, and the chair's page is photographed with the program and with the wall.
//   node tests/e2e/screenshot.mjs LOGIN_LINK ROOM_LINK FOLDER [ROOMS_PRESENT]
import { join } from "node:path";
import { ConsolePage, RoomPage, launch } from "./lib/browser.mjs";
import { until } from "./lib/wait.mjs";

const [login, link, folder, present = "2"] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write("usage: screenshot.mjs LOGIN_LINK ROOM_LINK FOLDER [ROOMS_PRESENT]\n");
  process.exit(2);
}

const LIMIT_MS = 90_000;
const browser = await launch();
try {
  const room = await RoomPage.open(browser, link, { colour: "blue", tone_hz: 440, figure: true });
  await room.page.locator("#join").click();
  await room.isIn(LIMIT_MS);
  const chair = await ConsolePage.open(browser, login);
  const counts = chair.page.locator("#counts");
  await until(
    `${present} rooms are present`,
    async () => Number(await counts.getAttribute("data-present")) >= Number(present),
    LIMIT_MS,
  );
  const label = await room.page.locator("header.top strong").innerText();
  await room.page.locator("#hand").click();
  await chair.page.locator("#hands .invite").first().click();
  await chair.page.locator('[data-layout="1+7"]').click();
  await chair.is(label, "floor", "given");
  const pictureIs = (width) =>
    until(
      `a picture ${width} wide`,
      () => chair.page.evaluate((wanted) => document.getElementById("program").videoWidth >= wanted, width),
      LIMIT_MS,
    );
  const moves = async () => {
    const seen = await until("media", () => chair.received(), LIMIT_MS);
    await until(
      "the picture moves",
      async () => (await chair.received())?.frames > seen.frames + 20,
      LIMIT_MS,
    );
  };
  await pictureIs(640);
  await moves();
  await chair.page.screenshot({ path: join(folder, "chair-program.png") });
  await room.page.screenshot({ path: join(folder, "room.png") });
  await chair.page.locator("#view-wall").click();
  await pictureIs(1920);
  await moves();
  await chair.page.screenshot({ path: join(folder, "chair-wall.png") });
} finally {
  await browser.close();
}
