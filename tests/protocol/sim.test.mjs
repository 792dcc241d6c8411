// Simulated rooms in a real meeting: what they see and hear, and what happens to it when a part of the server is killed.
import { spawn } from "node:child_process";
import path from "node:path";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, bin, until } from "./lib/server.mjs";

let server;
before(async () => (server = await Server.start()));
after(async () => server?.end());

const simulate = (...words) => simulateAt(server, ...words);

function simulateAt(server, ...words) {
  const sim = spawn(path.join(bin, "diemcau-sim"), ["--http", server.origin, "--data", server.data, "--json", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  sim.out = "";
  sim.log = "";
  sim.stdout.on("data", (bytes) => (sim.out += bytes));
  sim.stderr.on("data", (bytes) => (sim.log += bytes));
  sim.result = new Promise((resolve, reject) =>
    sim.on("exit", (code) => {
      if (code !== 0) reject(new Error(`diemcau-sim ended with ${code}: ${sim.log}`));
      else resolve(JSON.parse(sim.out.trim().split("\n").at(-1)));
    }),
  );
  // All rooms watch, and the time of settling has passed.
  sim.settled = until("all rooms watch", () => /rooms watch the meeting/.test(sim.log), 40000).then(
    () => new Promise((resolve) => setTimeout(resolve, 1500)),
  );
  return sim;
}

test("rooms see each other's pictures and hear the others but not themselves", async () => {
  const sim = simulate("--count", "5", "--seconds", "20", "--settle", "1", "--talk", "2:6", "--sample", "2");
  const result = await sim.result;
  assert.equal(result.watching, 5);
  assert.equal(result.audio_gaps, 0, JSON.stringify(result));
  assert.ok(result.check_tiles_read > 0 && result.check_tiles_read >= result.check_tiles * 0.9, JSON.stringify(result));
  assert.ok(result.check_colours_right >= result.check_tiles_read * 0.9, JSON.stringify(result));
  assert.ok(result.check_tones > 0 && result.check_tones_heard >= result.check_tones * 0.6, JSON.stringify(result));
  assert.equal(result.check_own_heard, 0, JSON.stringify(result));
});

test("a camera that nothing shows sends a small frame a second, one that is shown sends what its tile wants", async () => {
  const result = await simulate("--count", "14", "--seconds", "18", "--settle", "4", "--talk", "none", "--sample", "0", "--each").result;
  const rate = (room, key) => room[key] / result.seconds;
  const [shown, hidden] = [(room) => room.main_frames_sent > 0, (room) => room.main_frames_sent === 0].map((is) => result.rooms.filter(is));
  assert.ok(shown.length >= 4 && hidden.length >= 1, JSON.stringify(result.rooms));
  for (const room of hidden) assert.ok(rate(room, "thumbnail_frames_sent") > 0.5 && rate(room, "thumbnail_frames_sent") < 1.5, JSON.stringify(room));
  for (const room of shown) assert.ok(rate(room, "thumbnail_frames_sent") > 6 && rate(room, "main_frames_sent") > 12, JSON.stringify(room));
});

test("a server short of power asks for fewer small frames, and gets fewer", async () => {
  const poor = await Server.start({ sets: ["bridge.budget_percent=1"] });
  try {
    const result = await simulateAt(poor, "--count", "4", "--seconds", "25", "--settle", "14", "--talk", "none", "--sample", "0", "--each").result;
    for (const room of result.rooms) assert.ok(room.thumbnail_frames_sent / result.seconds < 5, JSON.stringify(room));
    assert.equal(result.audio_gaps, 0);
  } finally {
    await poor.end();
  }
});

test("packets lost on the way come back by resends", async () => {
  const result = await simulate("--count", "3", "--seconds", "12", "--settle", "1", "--talk", "1:6", "--loss", "0.03").result;
  assert.ok(result.video_recovered > 0, JSON.stringify(result));
  assert.ok(result.video_lost <= result.video_recovered * 0.05, JSON.stringify(result));
});

test("the bridge's own ICE and the simulator's meet too", async () => {
  const result = await simulate("--count", "3", "--seconds", "12", "--settle", "1", "--ice", "nice").result;
  assert.equal(result.watching, 3);
  assert.ok(result.frames > 0);
});

test("a room that falls silent is asked for an ICE restart, keeps its seat, and has its media again", async () => {
  const sim = simulate("--count", "2", "--seconds", "18", "--settle", "1", "--talk", "none");
  await sim.settled;
  sim.kill("SIGSTOP");
  try {
    await until("both are asked", () => [...server.log.matchAll(/leg\.restart-asked/g)].length >= 2, 15000);
  } finally {
    sim.kill("SIGCONT");
  }
  const result = await sim.result;
  assert.equal(result.live, 2, JSON.stringify(result));
});

test("rooms whose network changes keep their legs: ICE is restarted, media comes back", async () => {
  const sim = simulate("--count", "3", "--seconds", "20", "--settle", "1", "--talk", "0", "--sample", "0");
  await sim.settled;
  sim.kill("SIGUSR2"); // other sockets, other ports
  const result = await sim.result;
  assert.equal(result.live, 3);
  assert.equal(result.legs, 3);
  assert.equal(result.ice_restarts, 3);
  assert.equal(result.reconnects, 0);
  assert.ok(result.pause_ms_max > 2000 && result.pause_ms_max < 10000, JSON.stringify(result));
});

test("the signaling process killed: media goes on, rooms come back to their seats", async () => {
  const sim = simulate("--count", "4", "--seconds", "16", "--settle", "1", "--talk", "1:6");
  await sim.settled;
  process.kill(server.childPid("signaling-server"), "SIGKILL");
  const result = await sim.result;
  assert.equal(result.live, 4);
  assert.equal(result.legs, 4); // nobody needed a new peer connection
  assert.ok(result.reconnects >= 4, JSON.stringify(result));
  assert.ok(result.pause_ms_max < 3000, JSON.stringify(result));
});

test("the bridge killed: every room has media again", async () => {
  const sim = simulate("--count", "4", "--seconds", "20", "--settle", "1", "--talk", "1:6");
  await sim.settled;
  process.kill(server.childPid("diemcau-bridge"), "SIGKILL");
  const result = await sim.result;
  assert.equal(result.live, 4);
  assert.ok(result.legs >= 8, JSON.stringify(result));
  assert.ok(result.pause_ms_max < 10000, JSON.stringify(result));
});
