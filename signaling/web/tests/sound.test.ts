// Why an element did not play.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wantsTouch } from "../src/media/sound";

const FAILED: readonly [string, unknown, boolean][] = [
  ["the browser wants a touch first", new DOMException("", "NotAllowedError"), true],
  ["the picture was replaced before its first frame", new DOMException("", "AbortError"), false],
  ["no codec", new DOMException("", "NotSupportedError"), false],
  ["anything else", new Error("NotAllowedError"), false],
];
for (const [name, error, wanted] of FAILED)
  test(`sound: ${name}`, () => assert.equal(wantsTouch(error), wanted));
