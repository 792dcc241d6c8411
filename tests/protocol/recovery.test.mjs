// Three simulated rooms with real media; the signaling server is killed, then the bridge. Nobody is logged as leaving or coming,
// the legs are adopted, and everybody is back.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { bin, Server, until } from "./lib/server.mjs";

let server;
let simulator;
let events;

async function figure(name) {
  const answer = await server.get("/metrics").catch(() => null);
  if (answer === null) return -1;
  const line = answer.text.split("\n").find((text) => text.startsWith(`${name} `));
  return line ? Number(line.split(" ")[1]) : -1;
}

async function everybody(what, ms) {
  await until(what, async () =>
    (await figure('diemcau_seats{state="present"}')) === 3 &&
    (await figure('diemcau_legs{state="live"}')) === 3 &&
    (await figure('diemcau_sessions{kind="room"}')) === 3, ms);
}

async function countEvents() {
  return JSON.parse(await server.cli("check", "--json")).rows;
}

before(async () => {
  server = await Server.start();
  simulator = spawn(path.join(bin, "diemcau-sim"), ["--http", server.origin, "--data", server.data, "--count=3", "--seconds=120", "--join-over=300", "--sample=0"], { stdio: "ignore" });
  await everybody("three rooms with media", 30000);
  events = await countEvents();
  assert.ok(events > 3);
});

after(async () => {
  simulator?.kill("SIGKILL");
  await server?.end();
});

test("signaling killed: control is back, the legs are adopted, the log says nothing", async () => {
  const pid = server.childPid("signaling-server");
  const bridge = server.childPid("diemcau-bridge");
  process.kill(pid, "SIGKILL");
  await until("another server", async () => ![0, pid].includes(server.childPid("signaling-server")));
  await everybody("all rooms", 10000);
  assert.equal(server.childPid("diemcau-bridge"), bridge, "the bridge went on");
  assert.match(server.log, /bridge\.link-up [^\n]*legs=3/);
  assert.equal(await countEvents(), events);
});

test("bridge killed: all rooms have media again, the log says nothing", async () => {
  const links = () => server.log.split("bridge.link-up").length;
  const before = links();
  process.kill(server.childPid("diemcau-bridge"), "SIGKILL");
  await until("a link to another bridge", async () => links() > before);
  await everybody("all rooms", 15000);
  assert.equal(await countEvents(), events);
});

test("media cut for longer than the pages' sockets: each room is lost and found again, and nothing else is logged", async () => {
  const seats = (state) => figure(`diemcau_seats{state="${state}"}`);
  simulator.kill("SIGUSR1"); // no packet either way
  await until("lost", async () => (await seats("lost")) === 3, 15000);
  process.kill(server.childPid("signaling-server"), "SIGKILL");
  await until("the pages are back", async () => (await figure('diemcau_sessions{kind="room"}')) === 3, 8000);
  assert.equal(await seats("lost"), 3, "their media is not");
  simulator.kill("SIGUSR1");
  await everybody("all rooms", 10000);
  assert.equal(await countEvents(), events + 6);
  events += 6;
});

test("a room whose program is killed is lost after a while, once", async () => {
  simulator.kill("SIGKILL");
  await until("lost", async () => (await figure('diemcau_seats{state="lost"}')) === 3, 30000);
  assert.equal(await countEvents(), events + 3);
});
