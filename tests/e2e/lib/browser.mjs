// One browser for all pages of a run, and the pages as their users see them.
import { chromium } from "playwright-core";
import { fakeDevices, lookAt, openEar, watchConnections } from "./media.mjs";
import { fakeScreen } from "./slides.mjs";
import { until } from "./wait.mjs";

const ARGS = [
  "--allow-loopback-in-peer-connection",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
];

export const launch = async ({ autoplay = "free", args: more = [] } = {}) => {
  const args = [...ARGS, ...more];
  if (process.getuid() === 0) args.push("--no-sandbox");
  if (autoplay === "free") args.push("--autoplay-policy=no-user-gesture-required");
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args,
    ignoreDefaultArgs: ["--mute-audio"],
  });
};

export const COLOURS = { red: [200, 40, 40], green: [40, 160, 60], blue: [40, 70, 200] };
const css = (colour) => `rgb(${COLOURS[colour].join(" ")})`;

/** The nearest of the rooms' colours, or "dark" where no room is. */
export const nameOf = (rgb) => {
  const distance = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));
  const all = { ...COLOURS, dark: [20, 25, 30], black: [0, 0, 0] };
  const [name] = Object.entries(all).sort((a, b) => distance(a[1], rgb) - distance(b[1], rgb))[0];
  return name === "black" ? "dark" : name;
};

export class Watched {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      // A refused policy is a defect of the page; a failed request is the server's to tell.
      if (message.type() === "error" && /Content Security Policy/.test(message.text()))
        this.complaints.push(message.text());
    });
  }

  /** Colour names at points of the program, given as shares of it. */
  async colours(points) {
    const seen = await this.page.evaluate(lookAt, points);
    return seen === null ? null : seen.map(nameOf);
  }

  async sees(what, points, wanted, limit_ms) {
    await until(
      `${what}: ${wanted.join(", ")}`,
      async () => {
        const seen = await this.colours(points);
        if (seen === null) throw new Error("no picture");
        if (seen.join() !== wanted.join()) throw new Error(`sees ${seen.join(", ")}`);
        return true;
      },
      limit_ms,
    );
  }

  async levels(tones_hz) {
    if (!(await this.page.evaluate(openEar))) return null;
    return this.page.evaluate((tones) => window.ear(tones), tones_hz);
  }

  received() {
    return this.page.evaluate(() => window.received());
  }

  /** The media goes on: more packets and frames than there were. */
  async flows(what) {
    const before = await until(`${what}: media`, () => this.received());
    return until(`${what}: media goes on`, async () => {
      const now = await this.received();
      if (
        now === null ||
        now.number !== before.number ||
        now.audio < before.audio + 25 ||
        now.frames < before.frames + 8
      ) {
        throw new Error(`${JSON.stringify(before)} -> ${JSON.stringify(now)}`);
      }
      return true;
    });
  }

  async connection() {
    return this.page.locator("#connection").getAttribute("data-state");
  }
}

export class RoomPage extends Watched {
  /** A browser of its own (a context: cookies and storage of its own) with one page. */
  static async open(browser, link, { colour, tone_hz, devices, figure, screen, line }) {
    const context = await browser.newContext({ locale: "vi-VN", viewport: { width: 1024, height: 600 } });
    await context.addInitScript(watchConnections);
    await context.addInitScript(fakeDevices, { colour: css(colour), tone_hz, devices, figure });
    if (screen !== undefined) await context.addInitScript(fakeScreen, screen);
    await line?.connect(context);
    const room = new RoomPage(await context.newPage());
    context.setDefaultTimeout(15_000);
    room.context = context;
    await room.page.goto(link);
    return room;
  }

  /** Through the check page by its one large button, until the meeting's picture moves. */
  async join() {
    await this.page.locator("#join").click();
    await this.isIn();
  }

  async isIn(limit_ms) {
    await until("room is in the meeting", async () => (await this.connection()) === "link.up", limit_ms);
  }

  microphone() {
    return this.page.locator("#microphone").getAttribute("aria-pressed");
  }
}

export class ConsolePage extends Watched {
  static async open(browser, link, who) {
    const context = await browser.newContext({ locale: "vi-VN", viewport: { width: 1280, height: 800 } });
    await context.addInitScript(watchConnections);
    if (who !== undefined)
      await context.addInitScript(fakeDevices, { colour: css(who.colour), tone_hz: who.tone_hz });
    const desk = new ConsolePage(await context.newPage());
    context.setDefaultTimeout(15_000);
    desk.context = context;
    await desk.page.goto(link);
    return desk;
  }

  row(label) {
    return this.page.locator("#rooms .room-row", { hasText: label });
  }

  async state(label) {
    return this.row(label).first().getAttribute("data-state");
  }

  async is(label, attribute, wanted, limit_ms) {
    await until(
      `${label} is ${wanted}`,
      async () => {
        const seen = await this.row(label).first().getAttribute(`data-${attribute}`);
        if (seen !== wanted) throw new Error(`is ${seen}`);
        return true;
      },
      limit_ms,
    );
  }

  /** Chooses a room, so that its commands are at the foot of the list. */
  async choose(label) {
    const name = this.row(label).first().locator(".room-name");
    if ((await name.getAttribute("aria-pressed")) !== "true") await name.click();
  }

  /** Holds a button down until it has done its work. */
  async hold(selector) {
    const button = this.page.locator(selector);
    await button.hover();
    await this.page.mouse.down();
    await until(`${selector} is being held`, async () =>
      (await button.getAttribute("class"))?.includes("holding"),
    );
    // Done, it may be gone: asked in one go, for a locator would wait for it to come back.
    await until(
      `${selector} has done its work`,
      async () => !(await button.evaluateAll((all) => all.some((one) => one.classList.contains("holding")))),
    );
    await this.page.mouse.up();
  }
}
