// The pure parts of the pages, as tables of named cases.
import assert from "node:assert/strict";
import { test } from "node:test";
import { reconnectDelay } from "../src/core/backoff";
import { Copies, preferCopies } from "../src/core/copies";
import { UpLine, needsWithin } from "../src/core/upline";
import { fold, matches } from "../src/core/fold";
import { dateTime, duration, longDate, momentOf, percent, shortDate, timeOfDay } from "../src/core/format";
import { settle } from "../src/core/order";
import { MutedTalk, dbfs, meterShare } from "../src/core/talk";
import { branches, filterBranches, searchText } from "../src/core/tree";
import { pageCount, pageOf, secondsLeft, stepBack, turnNumber } from "../src/core/turn";
import { retryAfter, screenTroubleOf, troubleOf } from "../src/core/trouble";

const FOLDED: readonly [string, string][] = [
  ["Đông Triều", "dong trieu"],
  ["ĐÔNG TRIỀU".normalize("NFD"), "dong trieu"],
  ["Phường Hồng Hải", "phuong hong hai"],
  ["  Cộng   Hòa ", "cong hoa"],
  ["Đầm Hà", "dam ha"],
  ["", ""],
];
for (const [text, wanted] of FOLDED) test(`fold "${text}"`, () => assert.equal(fold(text), wanted));

const FOUND: readonly [string, string, string, boolean][] = [
  ["without diacritics", "Xã Đông Ngũ", "dong ngu", true],
  ["d for đ, in NFD", "Phường Đông Mai", "đông".normalize("NFD"), true],
  ["words in any order", "Xã Bắc Sơn, Thành phố Uông Bí", "uong son", true],
  ["beginnings of words only", "Xã Bắc Sơn", "on", false],
  ["a code with a dash", "QN-193-01", "193-01", true],
  ["empty matches all", "anything", " ", true],
  ["no such", "Xã Bắc Sơn", "nam", false],
];
for (const [name, text, query, wanted] of FOUND)
  test(`search: ${name}`, () => assert.equal(matches(fold(text), query), wanted));

const DELAYS: readonly [number, number, number][] = [
  [0, 0.5, 200],
  [1, 0.5, 500],
  [2, 0.5, 1000],
  [3, 0.5, 2000],
  [50, 0.5, 2000],
  [0, 0, 150],
  [3, 0.999, 2499],
  [-1, 0.5, 200],
];
for (const [attempt, random, wanted] of DELAYS) {
  test(`reconnect ${attempt} with ${random} after ${wanted} ms`, () =>
    assert.equal(reconnectDelay(attempt, random), wanted));
}

// 2026-11-22T02:05:09Z is 09:05:09 on a Sunday in Vietnam, 21:05 on Saturday in New York.
const AT = Date.UTC(2026, 10, 22, 2, 5, 9);
const VI = { language: "vi", timeZone: "Asia/Ho_Chi_Minh" } as const;
const EN = { language: "en", timeZone: "Asia/Ho_Chi_Minh" } as const;
const NEW_YORK = { language: "vi", timeZone: "America/New_York" } as const;
const TEXTS: readonly [string, string, string][] = [
  ["time", timeOfDay(AT, VI), "09:05"],
  ["date", shortDate(AT, VI), "22/11/2026"],
  ["date in English", shortDate(AT, EN), "22/11/2026"],
  ["long date", longDate(AT, VI), "Chủ nhật, ngày 22/11/2026"],
  ["long date in English", longDate(AT, EN), "Sunday, 22/11/2026"],
  ["another zone is another day", longDate(AT, NEW_YORK), "Thứ Bảy, ngày 21/11/2026"],
  ["an unknown zone is Vietnam", timeOfDay(AT, { language: "vi", timeZone: "Mars/Olympus" }), "09:05"],
  ["date and time", dateTime(AT, VI), "09:05 ngày 22/11/2026"],
  ["midnight is 00", timeOfDay(Date.UTC(2026, 0, 1, 17), VI), "00:00"],
  ["duration of seconds", duration(7_900), "0:07"],
  ["duration of hours", duration(3_723_000), "1:02:03"],
  ["duration below zero", duration(-5), "0:00"],
  ["percent with comma", percent(0.0125, VI), "1,3 %"],
  ["percent with point", percent(0.0125, EN), "1.3 %"],
  ["percent whole", percent(0.12, VI), "12 %"],
  ["percent none", percent(0, VI), "0 %"],
];
for (const [name, text, wanted] of TEXTS) test(`format: ${name}`, () => assert.equal(text, wanted));

const MOMENTS: readonly [unknown, number | null][] = [
  [AT, AT],
  [AT / 1000, AT],
  ["2026-11-22T02:05:09Z", AT],
  ["yesterday", null],
  [null, null],
  [0, null],
];
for (const [value, wanted] of MOMENTS)
  test(`moment of ${String(value)}`, () => assert.equal(momentOf(value), wanted));

test("rows stay where they are while held, and follow when let go", () => {
  const shown = [1, 2, 3];
  assert.equal(settle(shown, [3, 1], true), shown);
  assert.deepEqual(settle(shown, [3, 1], false), [3, 1]);
  assert.equal(settle(shown, [1, 2, 3], false), shown);
  assert.deepEqual(settle([], [4], true), [4]);
});
test("rows that are new while others are held stand at the end", () => {
  assert.deepEqual(settle([1, 2, 3], [4, 1, 3, 5], true), [1, 2, 3, 4, 5]);
  assert.deepEqual(settle([1, 2, 3, 4, 5], [4, 1, 3, 5], false), [4, 1, 3, 5]);
});

const SEATS = [
  { id: 1, code: "QN-000", name: "Quảng Ninh", label: "Tỉnh Quảng Ninh", district: "" },
  { id: 2, code: "QN-200-02", name: "Bắc Sơn", label: "Phường Bắc Sơn", district: "Thành phố Uông Bí" },
  { id: 3, code: "QN-200", name: "Uông Bí", label: "Thành phố Uông Bí", district: "Thành phố Uông Bí" },
  { id: 4, code: "QN-201", name: "Đầm Hà", label: "Thị trấn Đầm Hà", district: "Huyện Đầm Hà" },
];
test("tree: districts and seats stay in the order of the roster", () => {
  assert.deepEqual(
    branches(SEATS).map((branch) => [branch.title, branch.seats.map((seat) => seat.id)]),
    [
      ["", [1]],
      ["Thành phố Uông Bí", [2, 3]],
      ["Huyện Đầm Hà", [4]],
    ],
  );
});
test("tree: a search keeps the branches that match", () => {
  assert.deepEqual(
    filterBranches(branches(SEATS), "dam ha").map((branch) => branch.seats.map((seat) => seat.id)),
    [[4]],
  );
  assert.deepEqual(
    filterBranches(branches(SEATS), "uong bi").map((branch) => branch.seats.map((seat) => seat.id)),
    [[2, 3]],
  );
});
test("search text has label, district and code", () =>
  assert.ok(SEATS.slice(1, 2).every((seat) => matches(searchText(seat), "bac son uong bi qn-200"))));

test("muted talk: 400 ms of voice tell it, a cough does not", () => {
  const talk = new MutedTalk();
  const run = (from: number, to: number, level: number, muted = true): boolean => {
    let shown = false;
    for (let now = from; now < to; now += 60) shown = talk.step(level, muted, now);
    return shown;
  };
  assert.equal(run(0, 1000, -60), false);
  assert.equal(run(1000, 1200, -20), false);
  assert.equal(run(1200, 3000, -60), false);
  assert.equal(run(3000, 3600, -20), true);
  assert.equal(run(3600, 5000, -60), true);
  assert.equal(run(5000, 9000, -60), false);
  assert.equal(run(9000, 10000, -20, false), false);
});

test("meter: silence is empty, full scale is full", () => {
  assert.equal(meterShare(dbfs(0)), 0);
  assert.equal(meterShare(dbfs(1)), 1);
  assert.ok(Math.abs(meterShare(-30) - 0.5) < 1e-9);
});

const TROUBLES: readonly [string, string, boolean][] = [
  ["NotFoundError", "missing", false],
  ["NotAllowedError", "refused", false],
  ["NotReadableError", "busy", true],
  ["SomethingElse", "unknown", true],
];
for (const [name, word, retried] of TROUBLES) {
  test(`trouble: ${name} is ${word}`, () => {
    const trouble = troubleOf(name);
    assert.equal(trouble, word);
    assert.equal(retryAfter(trouble) !== null, retried);
  });
}

const SCREEN_TROUBLES: readonly [string, string, string][] = [
  ["NotAllowedError", "Permission denied by user", "closed"],
  ["NotAllowedError", "Permission denied by system", "forbidden"],
  // Firefox
  ["NotAllowedError", "The request is not allowed by the user agent or the platform in the current context.", "closed"],
  ["NotFoundError", "The object can not be found here.", "forbidden"],
  ["NotReadableError", "Could not start video source", "failed"],
];
for (const [name, message, word] of SCREEN_TROUBLES)
  test(`trouble with a screen: ${name}, "${message}", is ${word}`, () =>
    assert.equal(screenTroubleOf(name, message), word));

const TURNS: readonly [string, object, number, number, number | null][] = [
  ["at the start", {}, 0, 1, 15],
  ["half a second before the next", {}, 14_500, 1, 1],
  ["the second page", {}, 15_000, 2, 15],
  ["around the circle", {}, 45_000, 1, 15],
  ["before the start, by another clock", {}, -3000, 1, 18],
  ["held", { held: 5 }, 1_000_000, 3, null],
];
for (const [name, fields, at_ms, page, left] of TURNS)
  test(`pages in turn: ${name}`, () => {
    const turn = { start_ms: 1000, every_ms: 15_000, ...fields };
    assert.equal(pageOf(turn, 40, 4, 1000 + at_ms), page);
    assert.equal(secondsLeft(turn, 1000 + at_ms), left);
  });
test("pages in turn: one page back from the first is the last", () => {
  const turn = { start_ms: 0, every_ms: 15_000, held: 0 };
  assert.equal(pageCount(40, 4), 3);
  assert.equal(pageCount(0, 4), 1);
  assert.equal(stepBack(turn, 40, 4, 0), 2);
  assert.equal(stepBack({ ...turn, held: 2 }, 40, 4, 0), -1);
  assert.equal(turnNumber({ start_ms: 0, every_ms: 0 }, 99), 0);
});

// Each look: seconds, share lost (null: not told), are copies wanted after it, and how long packets wait in the line.
type Look = readonly [number, number | null, boolean, number?];
const COPIES: readonly [string, readonly Look[]][] = [
  ["a clean line", [[0, 0, false], [60, 0.009, false]]],
  ["a packet now and then", [[0, 0.02, false], [60, 0.02, false]]],
  ["nothing is known", [[0, null, false], [2, null, false]]],
  ["at once on a bad line", [[0, 0, false], [2, 0.03, true]]],
  ["until it was clean for a while", [[0, 0.1, true], [2, 0, true], [20, 0, true], [22, 0, false]]],
  ["a loss starts the while anew", [[0, 0.1, true], [2, 0, true], [20, 0.02, true], [30, 0, true], [50, 0, false]]],
  ["silence tells nothing", [[0, 0.1, true], [2, 0, true], [30, null, true]]],
  ["as bad as before: they stay", [[0, 0.2, true], [10, 0.22, true], [30, 0.25, true]]],
  ["worse by them: a narrow line", [[0, 0.1, true], [8, 0.3, true], [10, 0.3, false], [68, 0.1, false]]],
  ["and tried again later", [[0, 0.1, true], [10, 0.3, false], [69, 0.1, false], [70, 0.1, true]]],
  ["what a full line loses is no reason", [[0, 0.3, false, 700], [2, 0.3, false, 700], [10, 0.2, false, 400]]],
  ["nor are they kept when it fills", [[0, 0.2, true], [4, 0.2, false, 300], [12, 0.2, false], [14, 0.2, true]]],
  ["a round trip that is a little longer says nothing", [[0, 0.2, true, 120], [2, 0.2, true, 90]]],
  ["what gets worse later is not their fault", [[0, 0.1, true], [10, 0.1, true], [30, 0.4, true]]],
];
for (const [name, looks] of COPIES)
  test(`copies: ${name}`, () => {
    const copies = new Copies();
    for (const [at_s, loss, wanted, waits_ms = 0] of looks)
      assert.equal(copies.wanted(loss, waits_ms, at_s * 1000), wanted, `at ${String(at_s)} s`);
  });

// Each look: seconds, kbit/s that are believed (null: not told), how long packets wait, share lost, is it narrow after it.
type UpLook = readonly [number, number | null, number, number, boolean];
const UP_LINES: readonly [string, readonly UpLook[]][] = [
  ["a wide line", [[0, 2000, 0, 0, false], [60, 1500, 20, 0.01, false]]],
  ["one that loses, and is wide", [[0, 800, 10, 0.2, false], [10, 400, 10, 0.2, false]]],
  ["a low figure alone is no reason: nothing was tried yet", [[0, 80, 0, 0, false], [4, 90, 30, 0, false]]],
  ["low, and packets wait", [[0, 90, 600, 0, true]]],
  ["low, and packets are lost", [[0, 90, 0, 0.1, true]]],
  ["Firefox does not say how wide it is", [[0, null, 700, 0.3, false]]],
  ["it stays while the figure is low", [[0, 60, 500, 0.2, true], [30, 80, 0, 0, true], [120, 100, 0, 0, true]]],
  ["wide again, and soon believed", [[0, 60, 500, 0, true], [2, 250, 0, 0, true], [10, 250, 0, 0, true], [12, 250, 0, 0, false]]],
  ["between the two it is tried", [[0, 60, 500, 0, true], [2, 150, 0, 0, true], [30, 150, 0, 0, true], [32, 150, 0, 0, false]]],
  ["and in vain: the next time waits twice as long", [[0, 60, 500, 0, true], [2, 150, 0, 0, true], [32, 150, 0, 0, false],
    [40, 70, 400, 0, true], [42, 150, 0, 0, true], [72, 150, 0, 0, true], [102, 150, 0, 0, false]]],
];
for (const [name, looks] of UP_LINES)
  test(`way up: ${name}`, () => {
    const line = new UpLine();
    for (const [at_s, kbps, waits_ms, loss, narrow] of looks)
      assert.equal(line.isNarrow(kbps === null ? null : kbps * 1000, waits_ms, loss, at_s * 1000), narrow, `at ${String(at_s)} s`);
  });
test("way up: a narrow one carries the smallest picture that is wanted", () => {
  const need = (rid: string, active: boolean) => ({ rid, active, width: 160, height: 90, fps: 8, max_bps: 60_000 });
  const active = (list: readonly { active: boolean }[]) => list.map((one) => one.active);
  assert.deepEqual(active(needsWithin([need("t", true), need("m", true)], true)), [true, false]);
  assert.deepEqual(active(needsWithin([need("t", true), need("m", true)], false)), [true, true]);
  assert.deepEqual(active(needsWithin([need("t", false), need("m", true)], true)), [false, true]);
  assert.deepEqual(active(needsWithin([need("t", false), need("m", false)], true)), [false, false]);
});

const offerWith = (audio: string, map = "a=rtpmap:63 red/48000/2\r\n"): string =>
  `v=0\r\n${audio}\r\na=rtpmap:111 opus/48000/2\r\n${map}m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n`;
const AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF";
const ORDERS: readonly [string, string, boolean, string][] = [
  ["before the codec", offerWith(`${AUDIO} 111 63`), true, offerWith(`${AUDIO} 63 111`)],
  ["behind it again", offerWith(`${AUDIO} 63 111`), false, offerWith(`${AUDIO} 111 63`)],
  ["as it is", offerWith(`${AUDIO} 111 63`), false, offerWith(`${AUDIO} 111 63`)],
  ["with others", offerWith(`${AUDIO} 111 63 9 0`), true, offerWith(`${AUDIO} 63 111 9 0`)],
  ["an offer without RED", offerWith(`${AUDIO} 111`, ""), true, offerWith(`${AUDIO} 111`, "")],
];
for (const [name, offer, on, wanted] of ORDERS)
  test(`RED ${name}`, () => assert.equal(preferCopies(offer, on), wanted));
