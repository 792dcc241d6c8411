// WHIP (RFC 9725) and WHEP against the real server and bridge. Media itself is tested elsewhere; here the HTTP side.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./lib/server.mjs";

const origin = "https://studio.example";
let server;
let meeting;
let room;
let observer;

const fingerprint = Array.from({ length: 32 }, (_, i) => (i + 16).toString(16).toUpperCase()).join(":");

function offer(direction, { ufrag = "abcd", pwd = "abcdefghijklmnopqrstuvwx" } = {}) {
  const common = ["c=IN IP4 0.0.0.0", "a=rtcp-mux", `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, "a=setup:actpass", `a=fingerprint:sha-256 ${fingerprint}`, `a=${direction}`];
  return [
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", ...common, "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1",
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:1", ...common, "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 goog-remb",
    "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "",
  ].join("\r\n");
}

function post(where, { token = room, sdp = offer("sendonly"), headers = {} } = {}) {
  const all = { "Content-Type": "application/sdp", ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  return server.request("POST", where, { raw: sdp, headers: all });
}

before(async () => {
  server = await Server.start({ sets: [`http.origins=${origin}`] });
  meeting = (await server.cli("meeting", "create", "--title", "WHIP", "--open")).trim();
  room = (await server.cli("token", "--meeting", meeting, "--endpoint", "QN-193-01")).trim();
  observer = (await server.cli("token", "--meeting", meeting, "--observer")).trim();
});

after(async () => {
  await server?.end();
});

test("publish: 201 with Location, ETag and an answer; trickle, restart, delete", async () => {
  const made = await post(`/whip/${meeting}`);
  assert.equal(made.status, 201, made.text + server.log.slice(-500));
  assert.equal(made.headers["content-type"], "application/sdp");
  assert.match(made.text, /^v=0/);
  assert.match(made.text, /a=setup:(passive|active)/);
  const where = made.headers.location;
  const etag = made.headers.etag;
  assert.match(where, new RegExp(`^/whip/${meeting}/leg/[0-9a-f]{32}$`));
  assert.match(etag, /^"[^"]+"$/);
  const fragment = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2130706431 192.0.2.9 40000 typ host\r\n";
  const patch = (text, match, token = room) =>
    server.request("PATCH", where, {
      raw: text,
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", Authorization: `Bearer ${token}`, ...(match ? { "If-Match": match } : {}) },
    });
  assert.equal((await patch(fragment, etag)).status, 204);
  assert.equal((await patch(fragment, null)).status, 428);
  assert.equal((await patch(fragment, '"other"')).status, 412);
  assert.equal((await patch(fragment, etag, observer)).status, 404, "another token's holder sees nothing there");
  assert.equal((await patch("a=nothing\r\n", "*")).status, 400);
  const restarted = await patch("a=ice-ufrag:efgh\r\na=ice-pwd:zyxwvutsrqponmlkjihgfedc\r\n", "*");
  assert.equal(restarted.status, 200, restarted.text);
  assert.notEqual(restarted.headers.etag, etag);
  assert.match(restarted.text, /a=ice-ufrag:/);
  assert.equal((await patch(fragment, etag)).status, 412, "the old tag is stale");
  const wrong = await server.request("PATCH", where, { raw: fragment, headers: { "Content-Type": "text/plain", Authorization: `Bearer ${room}` } });
  assert.equal(wrong.status, 415);
  const gone = await server.request("DELETE", where, { headers: { Authorization: `Bearer ${room}` } });
  assert.equal(gone.status, 200);
  assert.equal((await server.request("DELETE", where, { headers: { Authorization: `Bearer ${room}` } })).status, 404);
});

test("a publisher takes the seat from a page, and a page from the publisher", async () => {
  const cookie = await server.roomCookie(await server.roomLink("QN-193-01"));
  const page = await server.socket(cookie);
  await page.ok("hello", { client: "one", page: "room" });
  await page.ok("join", { meeting });
  const made = await post(`/whip/${meeting}`);
  assert.equal(made.status, 201, made.text);
  await page.push("taken-over");
  assert.equal((await page.whenClosed()).code, 4001);
  const back = await server.socket(cookie);
  await back.ok("hello", { client: "two", page: "room" });
  const gone = await server.request("DELETE", made.headers.location, { headers: { Authorization: `Bearer ${room}` } });
  assert.equal(gone.status, 404, "the page's coming ended the publisher's session");
  back.close();
});

test("play: an observer sees program and wall, a room the program alone", async () => {
  for (const view of ["program", "wall"]) {
    const made = await post(`/whep/${meeting}/${view}`, { token: observer, sdp: offer("recvonly") });
    assert.equal(made.status, 201, made.text);
    assert.match(made.text, /m=video/);
    const gone = await server.request("DELETE", made.headers.location, { headers: { Authorization: `Bearer ${observer}` } });
    assert.equal(gone.status, 200);
  }
  assert.equal((await post(`/whep/${meeting}/program`, { sdp: offer("recvonly") })).status, 201);
  assert.equal((await post(`/whep/${meeting}/wall`, { sdp: offer("recvonly") })).status, 403);
  assert.equal((await post(`/whep/${meeting}/kitchen`, { token: observer, sdp: offer("recvonly") })).status, 404);
});

test("a WHEP token plays four views at once at most", async () => {
  const token = (await server.cli("token", "--meeting", meeting, "--observer")).trim();
  const made = [];
  for (let i = 0; i < 5; i++) made.push(await post(`/whep/${meeting}/program`, { token, sdp: offer("recvonly") }));
  assert.deepEqual(made.map((answer) => answer.status), [201, 201, 201, 201, 429]);
});

for (const [name, call, status] of [
  ["no token", () => post(`/whip/${meeting}`, { token: null }), 401],
  ["wrong token", () => post(`/whip/${meeting}`, { token: "AAAAAAAAAAAAAAAAAAAAAA" }), 401],
  ["observer may not publish", () => post(`/whip/${meeting}`, { token: observer }), 403],
  ["another meeting", () => post("/whip/mzzzzzzzzz"), 403],
  ["other content type", () => post(`/whip/${meeting}`, { headers: { "Content-Type": "application/json" } }), 415],
  ["client takes no SDP", () => post(`/whip/${meeting}`, { headers: { Accept: "application/json" } }), 406],
  ["no SDP at all", () => post(`/whip/${meeting}`, { sdp: "hello there, this is no SDP" }), 400],
  ["SDP without media", () => post(`/whip/${meeting}`, { sdp: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" }), 422],
  ["SDP without fingerprint", () => post(`/whip/${meeting}`, { sdp: offer("sendonly").replaceAll(/a=fingerprint.*\r\n/g, "") }), 422],
  ["too much SDP", () => post(`/whip/${meeting}`, { sdp: `v=0\r\n${"a=x\r\n".repeat(20000)}` }), 413],
  ["GET", () => server.get(`/whip/${meeting}`), 405],
]) {
  test(`${name}: ${status}`, async () => {
    const answer = await call();
    assert.equal(answer.status, status, answer.text);
    if (status === 401) assert.equal(answer.headers["www-authenticate"], "Bearer");
    if (answer.json) assert.ok(answer.json.text.length > 3);
  });
}

test("CORS for listed origins alone", async () => {
  const listed = await server.request("OPTIONS", `/whip/${meeting}`, { headers: { Origin: origin, "Access-Control-Request-Method": "POST" } });
  assert.equal(listed.status, 204);
  assert.equal(listed.headers["access-control-allow-origin"], origin);
  assert.match(listed.headers["access-control-allow-headers"], /Authorization/);
  const foreign = await server.request("OPTIONS", `/whip/${meeting}`, { headers: { Origin: "https://evil.example" } });
  assert.equal(foreign.headers["access-control-allow-origin"], undefined);
  const refused = await post(`/whip/${meeting}`, { token: null, headers: { Origin: origin } });
  assert.equal(refused.headers["access-control-allow-origin"], origin, "a refusal can be read by the page that asked");
});

test("an ended meeting takes nobody", async () => {
  const other = (await server.cli("meeting", "create", "--title", "Kết thúc", "--open")).trim();
  const token = (await server.cli("token", "--meeting", other, "--endpoint", "QN-193-02")).trim();
  await server.cli("meeting", "end", other);
  const answer = await post(`/whip/${other}`, { token });
  assert.ok([404, 409].includes(answer.status), answer.text);
});
