// What a machine may lack: told in words, with an exit code, before anything is served. And restarts, and stopping.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync, copyFileSync, existsSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { after, before, test } from "node:test";
import { bin, freePort, Server, until } from "./lib/server.mjs";

let folder;
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "diemcau-setup-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

// Runs serve to its end, which must come by itself.
function serve(words, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(bin, "diemcau"), ["serve", ...words], { env: { ...process.env, ...env } });
    let err = "";
    let out = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`did not end by itself: ${err}`));
    }, 30000);
    child.stdout.on("data", (bytes) => (out += bytes));
    child.stderr.on("data", (bytes) => (err += bytes));
    child.on("exit", (code) => {
      clearTimeout(timer);
      resolve({ code, err, out });
    });
  });
}

async function ports() {
  const http = await freePort();
  const https = await freePort();
  return ["--set", `http.port=${http}`, "--set", `http.https_port=${https}`, "--set", "media.port_min=39000", "--set", "media.port_max=39050"];
}

test("a taken port is named, with what to do", async () => {
  const blocker = net.createServer();
  await new Promise((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  const { port } = blocker.address();
  const words = await ports();
  const got = await serve(["--data", path.join(folder, "a"), ...words, "--set", `http.port=${port}`]);
  blocker.close();
  assert.equal(got.code, 3);
  assert.match(got.err, new RegExp(`port ${port} .*--set http.port`));
});

test("a data folder that cannot be is named", async () => {
  const file = path.join(folder, "a-file");
  writeFileSync(file, "x");
  const got = await serve(["--data", path.join(file, "inside"), ...(await ports())]);
  assert.equal(got.code, 3);
  assert.match(got.err, /data folder .*a-file\/inside/);
});

test("a path too long for a socket is refused in words", async () => {
  const long = path.join(folder, "d".repeat(120));
  const got = await serve(["--data", long, ...(await ports())]);
  assert.equal(got.code, 3);
  assert.match(got.err, /long/);
});

test("a missing bridge program is named", async () => {
  const got = await serve(["--data", path.join(folder, "b"), ...(await ports()), "--set", "bridge.program=/nonexistent/bridge"]);
  assert.equal(got.code, 3);
  assert.match(got.err, /\/nonexistent\/bridge/);
});

test("a missing GStreamer plugin is named", async () => {
  const empty = path.join(folder, "no-plugins");
  const env = { GST_PLUGIN_SYSTEM_PATH_1_0: empty, GST_PLUGIN_SYSTEM_PATH: empty, GST_REGISTRY: path.join(folder, "registry.bin") };
  const got = await serve(["--data", path.join(folder, "c"), ...(await ports())], env);
  assert.equal(got.code, 3);
  assert.match(got.err, /plugin|element|vp8/i);
});

for (const [name, words, match] of [
  ["unknown setting", ["--set", "http.prot=1"], /http\.port/],
  ["setting out of range", ["--set", "http.port=99999999"], /http\.port/],
  ["unknown option", ["--frobnicate"], /--frobnicate/],
  ["option without value", ["--data"], /--data/],
]) {
  test(`${name} is named, code 2`, async () => {
    const got = await serve(words);
    assert.equal(got.code, 2);
    assert.match(got.err, match);
  });
}

test("a certificate without its key is refused", async () => {
  const cert = path.join(folder, "x.pem");
  writeFileSync(cert, "nonsense");
  const got = await serve(["--data", path.join(folder, "d"), ...(await ports()), "--set", `tls.cert=${cert}`, "--set", `tls.key=${cert}`]);
  assert.equal(got.code, 3);
  assert.match(got.err, /x\.pem/);
});

test("--print-settings prints every key and ends", async () => {
  const got = await serve(["--print-settings", "--set", "http.port=8181"]);
  assert.equal(got.code, 0);
  assert.match(got.out, /http\.port = 8181/);
});

test("a second server on the same folder is refused; the first goes on; it stops cleanly and starts again", async () => {
  const server = await Server.start();
  try {
    const got = await serve(["--data", server.data, ...(await ports())]);
    assert.equal(got.code, 3);
    assert.match(got.err, /another diemcau/);
    assert.equal((await server.get("/readyz")).status, 200);
    const firstLink = server.link("room");
    assert.match(server.out, /Mật khẩu \/ password: chutoa/);
    await server.stop();
    assert.equal(server.exit, 0);
    assert.ok(!existsSync(path.join(server.data, "run", "admin.sock")));
    await server.run();
    assert.notEqual(server.link("room"), undefined);
    assert.doesNotMatch(server.out, /Mật khẩu \/ password: chutoa/, "passwords are printed at the first run only");
    assert.ok(firstLink.length > 10);
  } finally {
    await server.end();
  }
});

function peerSerial(port) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      resolve(serialNumber);
    });
    socket.on("error", reject);
  });
}

test("the CA stays over restarts; a changed certificate is read again without one", async () => {
  const server = await Server.start();
  const other = await Server.start();
  try {
    const ca = (await server.get("/ca.crt")).text;
    const before = await peerSerial(server.httpsPort);
    await server.stop();
    await server.run();
    assert.equal((await server.get("/ca.crt")).text, ca);
    assert.equal(await peerSerial(server.httpsPort), before);
    for (const name of ["server.key", "server.crt"])
      copyFileSync(path.join(other.data, "tls", name), path.join(server.data, "tls", name));
    server.child.kill("SIGHUP");
    const theirs = await peerSerial(other.httpsPort);
    await until("the new certificate is served", async () => (await peerSerial(server.httpsPort)) === theirs);
    writeFileSync(path.join(server.data, "tls", "server.crt"), "broken");
    server.child.kill("SIGHUP");
    await until("the broken one is refused in the log", () => server.log.includes("tls.kept"));
    assert.equal(await peerSerial(server.httpsPort), theirs);
  } finally {
    await server.end();
    await other.end();
  }
});
