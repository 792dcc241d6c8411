// Debian's Firefox by its Marionette, which is JSON over TCP: as much of it as a case needs, without another package.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./wait.mjs";

const PROGRAM = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

export const hasFirefox = () => existsSync(PROGRAM);

/** Camera and microphone are its own fakes, and nobody is asked. A page that may not use them gets no loopback candidates. */
const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.peerconnection.ice.loopback": true,
  "permissions.default.camera": 1,
  "permissions.default.microphone": 1,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "app.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "http://127.0.0.1:9/",
};

const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

export class Firefox {
  #waiting = new Map();
  #next = 1;

  static async open() {
    const firefox = new Firefox();
    const port = await freePort();
    firefox.profile = mkdtempSync(join(tmpdir(), "diemcau-firefox-"));
    const all = { ...PREFERENCES, "marionette.port": port };
    const lines = Object.entries(all).map(([key, value]) => `user_pref("${key}", ${JSON.stringify(value)});\n`);
    writeFileSync(join(firefox.profile, "user.js"), lines.join(""));
    firefox.process = spawn(
      PROGRAM,
      ["--headless", "--marionette", "--no-remote", "--profile", firefox.profile],
      { stdio: "ignore", env: { ...process.env, HOME: firefox.profile } },
    );
    try {
      await until("Firefox listens", () => firefox.#reach(port), 60_000);
      await firefox.command("WebDriver:NewSession", {});
    } catch (error) {
      await firefox.close();
      throw error;
    }
    return firefox;
  }

  #reach(port) {
    return new Promise((done, fail) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", fail);
      socket.once("connect", () => {
        this.socket = socket;
        let bytes = Buffer.alloc(0);
        socket.on("data", (more) => {
          bytes = Buffer.concat([bytes, more]);
          for (;;) {
            const colon = bytes.indexOf(":");
            if (colon < 0) return;
            const end = colon + 1 + Number(bytes.subarray(0, colon));
            if (bytes.length < end) return;
            this.#take(JSON.parse(bytes.subarray(colon + 1, end).toString()));
            bytes = bytes.subarray(end);
          }
        });
        done(true);
      });
    });
  }

  /** [1, id, error, result]; what comes first is a greeting. */
  #take(message) {
    if (!Array.isArray(message)) return;
    const [, id, error, result] = message;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.fail(new Error(`${error.error}: ${error.message}`));
    else waiting?.done(result);
  }

  command(name, parameters) {
    const id = this.#next++;
    const text = JSON.stringify([0, id, name, parameters]);
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  goto(url) {
    return this.command("WebDriver:Navigate", { url });
  }

  /** Like a Playwright page's. */
  async evaluate(work, argument) {
    const script = `const [argument, done] = arguments;
      Promise.resolve((${work})(argument)).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value } = await this.command("WebDriver:ExecuteAsyncScript", {
      script,
      args: [argument ?? null],
      newSandbox: false,
    });
    if (value?.error !== undefined) throw new Error(value.error);
    return value?.value;
  }

  async close() {
    this.socket?.destroy();
    if (this.process.exitCode === null) {
      const ended = new Promise((done) => this.process.once("exit", done));
      this.process.kill("SIGTERM");
      await ended;
    }
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
