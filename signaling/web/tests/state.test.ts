// Needs of the bridge, snapshots and deltas, translations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Encoding, encodingsFor, scaleFor, screenEncodingsFor } from "../src/core/needs";
import type { Need, Snapshot } from "../src/core/protocol";
import { applyDelta, countSeats, emptySeat, hallOf, handsQueue } from "../src/core/seats";
import en from "../src/i18n/en.json";
import vi from "../src/i18n/vi.json";

const T: Need = { rid: "t", active: true, width: 160, height: 90, fps: 8, max_bps: 60_000 };
const M: Need = { rid: "m", active: true, width: 640, height: 360, fps: 25, max_bps: 700_000 };
const OFF = { active: false } as const;
const BOTH: readonly Encoding[] = [
  { rid: "t", active: true },
  { rid: "m", active: true },
];
const HD = { width: 1280, height: 720 };

test("needs: both layers of an HD camera are scaled, capped and in order", () => {
  assert.deepEqual(encodingsFor(BOTH, [M, T], HD), [
    { rid: "t", active: true, maxBitrate: 60_000, maxFramerate: 8, scaleResolutionDownBy: 8 },
    { rid: "m", active: true, maxBitrate: 700_000, maxFramerate: 25, scaleResolutionDownBy: 2 },
  ]);
});
test("needs: what nobody looks at is not sent", () => {
  assert.deepEqual(
    encodingsFor(
      BOTH,
      [
        { ...T, ...OFF },
        { ...M, ...OFF },
      ],
      HD,
    ).map((e) => e.active),
    [false, false],
  );
});
test("needs: a layer that was not mentioned stays as it is", () => {
  assert.deepEqual(encodingsFor(BOTH, [{ ...M, ...OFF }], HD)[0], { rid: "t", active: true });
});
test("needs: a small camera sends its thumbnail unscaled and no main", () => {
  const small = encodingsFor(BOTH, [{ ...T, ...OFF }, M], { width: 320, height: 240 });
  assert.deepEqual(
    small.map((e) => [e.active, e.scaleResolutionDownBy]),
    [
      [true, 1],
      [false, 1],
    ],
  );
});
test("needs: 640x360 is not small", () => {
  assert.deepEqual(
    encodingsFor(BOTH, [T, M], { width: 640, height: 360 }).map((e) => [e.active, e.scaleResolutionDownBy]),
    [
      [true, 4],
      [true, 1],
    ],
  );
});
test("needs: a camera that is off sends nothing", () => {
  assert.deepEqual(
    encodingsFor(BOTH, [T, M], null).map((e) => e.active),
    [false, false],
  );
});
test("needs: an encoding without rid gets the largest need", () => {
  assert.equal(encodingsFor<Encoding>([{ active: true }], [T, M], HD)[0]?.maxBitrate, 700_000);
});

const SCREEN_WANTED = [
  { rid: "t", active: true, width: 0, height: 0, fps: 2, max_bps: 300_000 },
  { rid: "m", active: true, width: 0, height: 0, fps: 15, max_bps: 2_500_000 },
];

test("needs: a screen is sent in two layers of full size", () => {
  const [slow, main] = screenEncodingsFor(BOTH, SCREEN_WANTED, { width: 1920, height: 1080 });
  const whole = { active: true, scaleResolutionDownBy: 1 };
  assert.deepEqual(slow, { ...whole, rid: "t", maxBitrate: 300_000, maxFramerate: 2 });
  assert.deepEqual(main, { ...whole, rid: "m", maxBitrate: 2_500_000, maxFramerate: 15 });
});

test("needs: a screen of unknown size is shown, a huge one is scaled to what can be read", () => {
  for (const encoding of screenEncodingsFor(BOTH, SCREEN_WANTED, null)) assert.equal(encoding.active, true);
  const [, main] = screenEncodingsFor(BOTH, SCREEN_WANTED, { width: 3840, height: 2160 });
  assert.deepEqual(main?.scaleResolutionDownBy, 2);
});

test("needs: a screen that nobody wants yet sends nothing", () => {
  for (const encoding of screenEncodingsFor(BOTH, [], { width: 1920, height: 1080 }))
    assert.equal(encoding.active, false);
});

test("needs: nothing is ever scaled up", () => {
  assert.equal(scaleFor({ width: 320, height: 180 }, HD), 1);
  assert.equal(scaleFor(HD, { width: 0, height: 0 }), 1);
});
test("needs: a 4:3 camera fills the tile rather than falling short of it", () => {
  assert.equal(scaleFor({ width: 640, height: 480 }, { width: 160, height: 90 }), 4);
});

const seat = (id: number, more = {}): Snapshot["seats"][number] => ({
  ...emptySeat(id),
  label: `Xã ${id}`,
  state: "present",
  ...more,
});
const snapshot = (): Snapshot => ({
  n: 7,
  meeting: {
    id: "m",
    title: "Họp",
    state: "open",
    layout: "1+1",
    opened_at_ms: 1,
    floor: null,
    pinned: [],
    muted_all: false,
    undo: null,
  },
  seats: [seat(1), seat(2), seat(3, { state: "absent" })],
});

test("delta: changes only what it names, and in place", () => {
  const applied = applyDelta(hallOf(snapshot()), {
    n: 8,
    seats: [{ id: 2, microphone: "on" }],
    meeting: { floor: 2 },
  });
  assert.deepEqual(applied?.changed, [2]);
  assert.equal(applied?.membership, false);
  assert.equal(applied?.hall.seats.get(2)?.microphone, "on");
  assert.equal(applied?.hall.seats.get(2)?.label, "Xã 2");
  assert.equal(applied?.hall.meeting.floor, 2);
  assert.equal(applied?.hall.meeting.title, "Họp");
});
test("delta: a gap asks for a snapshot", () => assert.equal(applyDelta(hallOf(snapshot()), { n: 9 }), null));
test("delta: an old one changes nothing", () => {
  const applied = applyDelta(hallOf(snapshot()), { n: 7, seats: [{ id: 1, state: "lost" }] });
  assert.equal(applied?.hall.seats.get(1)?.state, "present");
});
test("delta: a whole new seat joins, a piece of an unknown one is a gap", () => {
  assert.equal(applyDelta(hallOf(snapshot()), { n: 8, seats: [seat(9)] })?.membership, true);
  assert.equal(applyDelta(hallOf(snapshot()), { n: 8, seats: [{ id: 9, microphone: "on" }] }), null);
});
test("delta: a seat that is gone leaves the list", () => {
  const applied = applyDelta(hallOf(snapshot()), { n: 8, seats: [{ id: 2, gone: true }] });
  assert.deepEqual([...(applied?.hall.seats.keys() ?? [])], [1, 3]);
  assert.equal(applied?.membership, true);
});
test("delta: null takes a field away", () => {
  const hall = hallOf({ ...snapshot(), seats: [seat(1, { floor: "asked", hand_place: 1 })] });
  const applied = applyDelta(hall, { n: 8, seats: [{ id: 1, floor: "none", hand_place: null }] });
  assert.equal(applied?.hall.seats.get(1)?.hand_place, null);
});

test("counts: joining counts as absent, deaf only while present", () => {
  const seats = [
    seat(1, { deaf: true }),
    seat(2, { state: "lost", deaf: true }),
    seat(3, { state: "absent" }),
    seat(4, { state: "joining" }),
    seat(5, { floor: "asked" }),
  ];
  assert.deepEqual(countSeats(seats), { all: 5, present: 2, absent: 2, lost: 1, hands: 1, deaf: 1 });
});
test("hands: by place, then by time", () => {
  const seats = [
    seat(1, { floor: "asked", hand_place: 2 }),
    seat(2),
    seat(3, { floor: "asked", hand_place: 1 }),
    seat(4, { floor: "asked", hand_at_ms: 5 }),
  ];
  assert.deepEqual(
    handsQueue(seats).map((one) => one.id),
    [3, 1, 4],
  );
});

test("translations: both languages have the same keys", () =>
  assert.deepEqual(Object.keys(en).sort(), Object.keys(vi).sort()));
test("translations: both languages fill the same names into a sentence", () => {
  const names = (text: string): string[] =>
    [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? "").sort();
  for (const key of Object.keys(vi) as (keyof typeof vi)[])
    assert.deepEqual(names(en[key]), names(vi[key]), key);
});
test("translations: Vietnamese is in NFC and nothing is empty", () => {
  for (const [key, text] of Object.entries(vi)) assert.ok(text !== "" && text === text.normalize("NFC"), key);
});
