// A console that finds its meeting and keeps it, whatever becomes of the line.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { advance, clean, greet, newest, settle } from "./paper";

const { HallStore } = await import("../src/net/hall");

const OPEN = [
  { id: "a", title: "A", state: "open" },
  { id: "b", title: "B", state: "open" },
];
const SNAPSHOT = {
  t: "snapshot",
  n: 1,
  meeting: { id: "a", title: "A", state: "open", layout: "full", floor: null, pinned: [], undo: null },
  seats: [],
  meetings: OPEN,
};

/** A console in meeting A, with one leg that writes down how it was told of a break. */
const inMeeting = async () => {
  const hall = new HallStore("chair");
  await greet();
  newest().says({ t: "meetings", meetings: OPEN });
  void hall.attend("a");
  newest().answers("attend");
  newest().says(SNAPSHOT);
  await settle();
  const back: boolean[] = [];
  hall.addLeg({
    linkBack: (alive) => back.push(alive),
    mediaLost: () => undefined,
    restartFor: () => undefined,
    legId: () => 7,
  });
  return { hall, back };
};

const lineComesBack = async (): Promise<void> => {
  newest().breaks();
  await advance(3000);
  await greet({ leg_alive: true });
  newest().says({ t: "meetings", meetings: OPEN });
  await settle();
};

beforeEach(clean);

test("hall: after a break the same meeting is attended and the legs are told", async () => {
  const { back } = await inMeeting();
  await lineComesBack();
  newest().answers("attend");
  await settle();
  assert.deepEqual(back, [true]);
});

test("hall: a line that breaks again before the answer is no reason to forget the meeting", async () => {
  const { hall, back } = await inMeeting();
  await lineComesBack();
  await lineComesBack();
  assert.equal(newest().asked("attend")?.["meeting"], "a");
  newest().answers("attend");
  await settle();
  assert.deepEqual(back, [true]);
  assert.equal(hall.meeting.value?.id, "a");
});

test("hall: a server that is busy is asked again, once", async () => {
  const { back } = await inMeeting();
  await lineComesBack();
  newest().refuses("attend", "busy");
  await settle();
  assert.equal(newest().asked("attend"), undefined);
  await advance(2000);
  newest().answers("attend");
  await advance(5000);
  assert.equal(newest().asked("attend"), undefined);
  assert.equal(back.length, 1);
});

test("hall: a meeting that is refused leads back to the lobby", async () => {
  const { hall } = await inMeeting();
  await lineComesBack();
  newest().refuses("attend", "conflict");
  await settle();
  assert.equal(hall.meeting.value, null);
});

test("hall: legs that outlived a refusal are told when another meeting is attended", async () => {
  const { hall, back } = await inMeeting();
  await lineComesBack();
  newest().refuses("attend", "conflict");
  await settle();
  newest().says({ t: "meetings", meetings: OPEN.slice(1) });
  assert.equal(newest().asked("attend")?.["meeting"], "b");
  newest().answers("attend");
  await settle();
  assert.deepEqual(back, [false]);
  assert.notEqual(hall.link.state.value, "lost");
});
