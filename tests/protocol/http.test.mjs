// HTTP against the real server: pages, API, and the input that must not hurt.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { after, before, test } from "node:test";
import { openSocket } from "./lib/socket.mjs";
import { Server, until } from "./lib/server.mjs";

let server;
let technician;

before(async () => {
  server = await Server.start({ sets: ["support.phone=0203 000 111"] });
  technician = await server.login({ token: server.token("technician") });
});

after(async () => {
  await server?.end();
});

// Bytes as they are on a fresh connection; what came back until it closed, or after a pause.
function bytes(text, { port = server.port, pause = 1500 } = {}) {
  return new Promise((resolve) => {
    const raw = net.connect(port, "127.0.0.1");
    let got = "";
    const timer = setTimeout(() => raw.destroy(), pause);
    raw.on("data", (part) => (got += part.toString("latin1")));
    raw.on("error", () => {});
    raw.on("close", () => {
      clearTimeout(timer);
      resolve(got);
    });
    raw.write(text);
  });
}

const host = () => `Host: 127.0.0.1:${server.port}\r\n`;

test("a page comes with its security headers and a validator", async () => {
  const page = await server.get("/");
  assert.equal(page.status, 200);
  assert.match(page.headers["content-security-policy"], /default-src 'self'/);
  assert.equal(page.headers["x-content-type-options"], "nosniff");
  assert.equal(page.headers["referrer-policy"], "no-referrer");
  assert.equal(page.headers["cache-control"], "no-cache");
  const again = await server.get("/", { "If-None-Match": page.headers.etag });
  assert.equal(again.status, 304);
  assert.equal(again.text, "");
});

for (const where of ["/r", "/chair", "/technician", "/login", "/chair/"]) {
  test(`page ${where}`, async () => assert.equal((await server.get(where)).status, 200));
}

test("HEAD has the length and no body", async () => {
  const page = await server.request("HEAD", "/");
  assert.equal(page.status, 200);
  assert.ok(Number(page.headers["content-length"]) > 100);
  assert.equal(page.text, "");
});

for (const where of ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fMakefile", "/.git/config", "/nowhere", "/assets/"]) {
  test(`no way to ${where}`, async () => {
    const got = await bytes(`GET ${where} HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`);
    assert.doesNotMatch(got, /root:x:/);
    assert.ok(got === "" || /^HTTP\/1\.1 (404|400|403|301)/.test(got), got.slice(0, 60));
  });
}

const table = [
  { name: "unknown API path", method: "GET", where: "/api/v1/nothing", status: 404 },
  { name: "wrong method", method: "DELETE", where: "/api/v1/login", status: 405 },
  { name: "unknown path by POST", method: "POST", where: "/nowhere", body: {}, status: 404 },
  { name: "no content type", method: "POST", where: "/api/v1/login", body: {}, headers: { "Content-Type": "text/plain" }, status: 415 },
  { name: "wrong Origin", method: "POST", where: "/api/v1/login", body: {}, headers: { Origin: "https://evil.example" }, status: 403 },
  { name: "no JSON", method: "POST", where: "/api/v1/login", raw: "{nonsense", status: 400 },
  { name: "empty body", method: "POST", where: "/api/v1/login", raw: "", status: 400 },
  { name: "array for an object", method: "POST", where: "/api/v1/login", raw: "[]", status: 400 },
  { name: "number for a token", method: "POST", where: "/api/v1/room", body: { token: 5 }, status: 400 },
  { name: "body too large", method: "POST", where: "/api/v1/login", body: { name: "x".repeat(20000) }, status: 413 },
  { name: "wrong password", method: "POST", where: "/api/v1/login", body: { name: "chutoa", password: "wrong password" }, status: 403 },
  { name: "wrong login link", method: "POST", where: "/api/v1/login", body: { token: "AAAAAAAAAAAAAAAAAAAAAA" }, status: 403 },
  { name: "roster without login", method: "GET", where: "/api/v1/roster", status: 401 },
  { name: "me without login", method: "GET", where: "/api/v1/me", status: 401 },
  { name: "status without login", method: "GET", where: "/api/v1/status", status: 401 },
];
for (const row of table) {
  test(`${row.name} is ${row.status} in words`, async () => {
    const answer = await server.request(row.method, row.where, row);
    assert.equal(answer.status, row.status, answer.text);
    if (row.where.startsWith("/api")) {
      assert.ok(answer.json.code, answer.text);
      assert.ok(answer.json.text.length > 3, answer.text);
    }
  });
}

test("a wrong room link tells whom to call", async () => {
  const answer = await server.request("POST", "/api/v1/room", { body: { token: "BBBBBBBBBBBBBBBBBBBBBB" } });
  assert.equal(answer.status, 403);
  assert.equal(answer.json.code, "refused");
  assert.equal(answer.json.support.phone, "0203 000 111");
});

test("a revoked room link names the room's technician, and its page is sent away", async () => {
  const token = await server.roomLink("QN-194-04");
  const cookie = await server.roomCookie(token);
  const page = await server.socket(cookie);
  await page.ok("hello", { client: "x", page: "room" });
  await server.roomLink("QN-194-04"); // a new link: the old one and its sessions end
  assert.equal((await page.whenClosed()).code, 4003);
  const answer = await server.request("POST", "/api/v1/room", { body: { token } });
  assert.equal(answer.status, 403);
  assert.ok(answer.json.support.name.length > 3, answer.text);
  assert.ok(answer.json.support.phone.length > 3, answer.text);
  assert.equal((await openSocket(server.port, { cookie, origin: server.origin })).status, 401);
});

test("a login link works once", async () => {
  const url = (await server.get("/api/v1/me", { Cookie: technician })).json;
  assert.equal(url.user.role, "technician");
  const again = await server.request("POST", "/api/v1/login", { body: { token: server.token("technician") } });
  assert.equal(again.status, 403);
});

test("passwords: right one logs in, logout ends the session and its sockets", async () => {
  const password = server.out.match(/chutoa\s+(\S+)/)[1];
  const cookie = await server.login({ name: "chutoa", password });
  const page = await server.socket(cookie);
  await page.ok("hello", { client: "x", page: "chair" });
  const out = await server.request("POST", "/api/v1/logout", { body: {}, headers: { Cookie: cookie } });
  assert.equal(out.status, 200);
  assert.equal((await page.whenClosed()).code, 4003);
  assert.equal((await server.get("/api/v1/me", { Cookie: cookie })).status, 401);
});

test("chunked bodies are refused with 411 and the connection ends", async () => {
  const got = await bytes(
    `POST /api/v1/login HTTP/1.1\r\n${host()}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  );
  assert.match(got, /^HTTP\/1\.1 411/);
  assert.match(got.toLowerCase(), /connection: close/);
  assert.equal(got.match(/HTTP\/1\.1/g).length, 1);
});

for (const [name, text] of [
  ["negative length", "Content-Length: -5\r\n"],
  ["huge length", "Content-Length: 99999999999999999999\r\n"],
  ["length in words", "Content-Length: many\r\n"],
  ["length and chunked", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"],
]) {
  test(`${name} hurts nobody`, async () => {
    const got = await bytes(`POST /api/v1/login HTTP/1.1\r\n${host()}Content-Type: application/json\r\n${text}\r\n{}\r\n`);
    assert.ok(got === "" || /^HTTP\/1\.1 4\d\d/.test(got), got.slice(0, 80));
    assert.equal((await server.get("/healthz")).status, 200);
  });
}

test("garbage instead of HTTP hurts nobody", async () => {
  await bytes("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", { pause: 300 });
  await bytes("GET\r\n\r\n", { pause: 300 });
  await bytes(`GET /${"a".repeat(9000)} HTTP/1.1\r\n\r\n`, { pause: 300 });
  assert.equal((await server.get("/healthz")).status, 200);
});

test("two requests in one packet get two answers", async () => {
  const one = `GET /healthz HTTP/1.1\r\n${host()}\r\n`;
  const got = await bytes(one + one, { pause: 800 });
  assert.equal((got.match(/HTTP\/1\.1 200/g) ?? []).length, 2, got);
});

for (const [name, options, status] of [
  ["no cookie", {}, 401],
  ["foreign Origin", { cookie: true, origin: "https://evil.example" }, 403],
  ["other path", { cookie: true, path: "/other" }, 404],
]) {
  test(`upgrade with ${name} is refused`, async () => {
    const cookie = options.cookie ? technician : undefined;
    const got = await openSocket(server.port, { origin: server.origin, ...options, cookie });
    assert.ok(got.status === status || got.status === 0, `status ${got.status}`);
  });
}

test("upgrade without our subprotocol is refused", async () => {
  const got = await openSocket(server.port, { cookie: technician, origin: server.origin, protocol: "other.v9" });
  assert.notEqual(got.status, undefined);
});

// Only the head of a request comes, as from who means to keep us waiting with a body.
const heads = [
  { name: "nobody's roster", where: "roster/import", type: "text/csv", status: 401 },
  { name: "a room's roster", where: "roster/import", type: "text/csv", room: true, status: 401 },
  { name: "nobody's WHIP", where: "whip", type: "application/sdp", status: 401 },
];
for (const row of heads) {
  test(`${row.name} is refused before its body`, async () => {
    const path = row.where === "whip" ? "/whip/some-meeting" : `/api/v1/${row.where}`;
    const cookie = row.room ? `Cookie: ${await server.roomCookie(await server.roomLink("QN-194-05"))}\r\n` : "";
    const got = await bytes(`POST ${path} HTTP/1.1\r\n${host()}${cookie}Content-Type: ${row.type}\r\nContent-Length: 60000\r\n\r\nv=0`);
    assert.match(got, new RegExp(`^HTTP/1\\.1 ${row.status}`));
    assert.match(got.toLowerCase(), /connection: close/);
  });
}

test("links begin with http.public_url", async () => {
  const own = await Server.start({ sets: ["http.public_url=https://hop.example/"] });
  try {
    assert.match(await own.cli("roster", "link", "QN-194-04"), /https:\/\/hop\.example\/r#[\w-]{22}/);
  } finally {
    await own.end();
  }
});

test("a certificate and its key may be replaced one after the other", async () => {
  const own = await Server.start({ trial: false });
  const put = (name) => copyFileSync(`${server.data}/tls/${name}`, `${own.data}/tls/${name}`);
  try {
    put("server.crt");
    await until("a certificate without its key is not taken", () => own.log.includes("tls.kept"), 20000);
    put("server.key");
    await until("the pair is taken", () => own.log.includes("tls.reloaded"), 20000);
  } finally {
    await own.end();
  }
});

test("the roster, its export and import again: nothing changed", async () => {
  const headers = { Cookie: technician };
  const roster = await server.get("/api/v1/roster", headers);
  assert.equal(roster.json.seats.length, 201);
  assert.ok(roster.json.seats.some((seat) => seat.link.state === "active"));
  const csv = await server.get("/api/v1/roster/export", headers);
  assert.match(csv.headers["content-type"], /^text\/csv/);
  const back = await server.request("POST", "/api/v1/roster/import", {
    raw: csv.text,
    headers: { ...headers, "Content-Type": "text/csv" },
  });
  assert.equal(back.status, 200, back.text.slice(0, 300));
  assert.equal(back.json.unchanged, 201);
  const bad = await server.request("POST", "/api/v1/roster/import", {
    raw: "code,name,type\nX 1,Tên,xã\n",
    headers: { ...headers, "Content-Type": "text/csv" },
  });
  assert.equal(bad.status, 400);
  assert.equal(bad.json.errors, 1);
  assert.equal(bad.json.rows[0].line, 2);
});

test("links and QR codes", async () => {
  const headers = { Cookie: technician };
  const seat = (await server.get("/api/v1/roster", headers)).json.seats[20];
  assert.equal((await server.get(`/api/v1/roster/${seat.id}/link`, headers)).status, 404);
  const made = await server.request("POST", `/api/v1/roster/${seat.id}/link`, { body: {}, headers });
  assert.match(made.json.url, /\/r#[\w-]{22}$/);
  assert.equal((await server.get(`/api/v1/roster/${seat.id}/link`, headers)).json.state, "active");
  const qr = await server.request("POST", "/api/v1/qr", { body: { text: made.json.url }, headers });
  assert.equal(qr.headers["content-type"], "image/svg+xml");
  assert.match(qr.text, /^<svg [^>]*viewBox/);
  assert.equal((await server.request("POST", "/api/v1/qr", { body: { text: "x".repeat(513) }, headers })).status, 400);
  const gone = await server.request("DELETE", `/api/v1/roster/${seat.id}/link`, { headers });
  assert.equal(gone.status, 200, gone.text);
  assert.equal((await server.request("DELETE", "/api/v1/roster/99999/link", { headers })).status, 404);
});

test("metrics are for loopback, in Prometheus text", async () => {
  const metrics = await server.get("/metrics");
  assert.equal(metrics.status, 200);
  assert.match(metrics.text, /^diemcau_seats\{state="absent"\} \d+$/m);
  assert.match(metrics.text, /^process_resident_memory_bytes \d+/m);
});

test("ready says what is active", async () => {
  const ready = await server.get("/readyz");
  assert.equal(ready.json.ready, true);
  assert.equal(typeof ready.json.bridge.sandbox, "object");
});

test("https with the local CA; plain http on that port is sent over", async () => {
  const ca = await server.get("/ca.crt");
  assert.match(ca.text, /BEGIN CERTIFICATE/);
  assert.equal((await server.get("/help/ca")).status, 200);
  const socket = tls.connect({ host: "127.0.0.1", port: server.httpsPort, ca: [ca.text], servername: "localhost" });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  assert.equal(socket.authorized, true, String(socket.authorizationError));
  assert.ok(["TLSv1.3", "TLSv1.2"].includes(socket.getProtocol()));
  socket.destroy();
  const got = await bytes(`GET / HTTP/1.1\r\nHost: localhost:${server.httpsPort}\r\n\r\n`, { port: server.httpsPort });
  assert.match(got, /^HTTP\/1\.1 30[1278]/, got.slice(0, 80));
});

test("a slow reader is closed and the others go on", async () => {
  const meeting = (await server.get("/api/v1/meetings", { Cookie: technician })).json.meetings[0].id;
  const slow = await server.socket(technician);
  const quick = await server.socket(technician);
  for (const page of [slow, quick]) {
    await page.ok("hello", { client: "s", page: "technician" });
    await page.ok("attend", { meeting });
  }
  slow.raw.pause();
  for (let i = 0; i < 400 && slow.closed === null; i++) slow.send(JSON.stringify({ t: "snapshot", id: 1000 + i }));
  await until("the slow one is counted", async () => /^diemcau_ws_too_slow_total [1-9]/m.test((await server.get("/metrics")).text));
  await quick.ok("ping");
  quick.close();
  slow.close();
});

test("clients that leave in the middle hurt nobody", async () => {
  const body = JSON.stringify({ name: "kythuat", password: "not the password" });
  const head = `POST /api/v1/login HTTP/1.1\r\n${host()}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  for (let i = 0; i < 12; i++) {
    const raw = net.connect(server.port, "127.0.0.1");
    raw.on("error", () => {});
    await new Promise((resolve) => raw.once("connect", resolve));
    // the whole request while its password is being checked; half a body; half a head
    raw.write([head + body, head + body.slice(0, 9), head.slice(0, 40)][i % 3]);
    setTimeout(() => raw.destroy(), i);
  }
  for (let i = 0; i < 5; i++) {
    const page = await server.socket(technician);
    page.send(JSON.stringify({ t: "hello", id: 1, client: "gone", page: "technician" }));
    page.send(JSON.stringify({ t: "meeting.create", id: 2, title: "Bỏ dở" }));
    page.close();
  }
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assert.equal((await server.get("/healthz")).status, 200);
  assert.doesNotMatch(server.log, /supervisor\.child-(killed|ended)/);
});
