// The room page's brain: where it goes by itself, and what its microphone does.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { signal } from "@preact/signals";
import type { Capture } from "../src/media/capture";
import type { RoomSeat } from "../src/core/protocol";
import { advance, clean, greet, newest, setFetch, settle } from "./paper";

const { Room } = await import("../src/pages/room/room");
const { Sending } = await import("../src/media/sending");

const A = { id: "a", title: "A", state: "open" };
const B = { id: "b", title: "B", state: "open" };

const SEAT: RoomSeat = { id: 1, label: "Xã", microphone: "on", floor: "none", camera_wanted: true };

const waiting = async (...meetings: object[]): Promise<void> => {
  newest().says({ t: "waiting", meetings });
  await settle();
};

const inMeeting = async () => {
  setFetch(() => Promise.resolve(new Response(JSON.stringify({ seat: { id: 1, label: "Xã", code: "X" } }))));
  const room = new Room();
  await room.enter();
  await greet();
  await waiting(A);
  room.go();
  newest().answers("join");
  newest().says({ t: "room", meeting: A, seat: SEAT, floor: null, notice: null });
  await settle();
  assert.equal(room.phase.peek(), "in");
  return room;
};

beforeEach(clean);

test("room: while its line was down its meeting ended and another was opened: it goes there", async () => {
  const room = await inMeeting();
  newest().breaks();
  await advance(3000);
  await greet();
  await waiting(B);
  assert.equal(newest().asked("join")?.["meeting"], "a");
  newest().refuses("join", "conflict");
  await settle();
  assert.equal(newest().asked("join")?.["meeting"], "b");
  newest().answers("join");
  await settle();
  assert.equal(room.phase.peek(), "in");
});

const sending = () => {
  const track = { clone: () => ({ stop: () => 0 }) } as unknown as MediaStreamTrack;
  const audio = signal<MediaStreamTrack | null>(track);
  const seat = signal<RoomSeat>(SEAT);
  const told: unknown[] = [];
  const capture = { audio: { track: audio }, video: { track: signal(null) } } as unknown as Capture;
  new Sending(capture, seat, signal(null), (fields) => Promise.resolve(told.push(fields.microphone)));
  told.length = 0;
  const serverSays = (microphone: RoomSeat["microphone"]): void => {
    seat.value = { ...SEAT, microphone };
  };
  return { told, serverSays, unplug: () => (audio.value = null), plug: () => (audio.value = track) };
};

test("microphone: one that comes back is live again", () => {
  const { told, serverSays, unplug, plug } = sending();
  unplug();
  serverSays("off");
  plug();
  assert.deepEqual(told, [false, true]);
});

test("microphone: also one that is back before the server has heard that it went", () => {
  const { told, serverSays, unplug, plug } = sending();
  unplug();
  plug();
  serverSays("off");
  assert.deepEqual(told, [false, true]);
});

test("microphone: but not one that the chair has locked meanwhile", () => {
  const { told, serverSays, unplug, plug } = sending();
  unplug();
  serverSays("held-off");
  plug();
  assert.deepEqual(told, [false]);
});
