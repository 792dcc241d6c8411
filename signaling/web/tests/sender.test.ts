// A sender of paper that is as strict as Chromium's: parameters that were read while a change ran are refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Sender, type Wish } from "../src/media/sender";

class PaperSender {
  track: unknown = null;
  encodings = [{ rid: "t", active: false }];
  changes = 0;
  refusals = 0;
  /** Of the next changes so many fail: a renegotiation came between. */
  fails = 0;
  private read = 0;
  private running: (() => void)[] = [];

  replaceTrack(track: unknown): Promise<void> {
    return this.later(() => (this.track = track));
  }

  getParameters(): object {
    this.read++;
    return { encodings: this.encodings.map((one) => ({ ...one })) };
  }

  async setParameters({ encodings }: Pick<PaperSender, "encodings">): Promise<void> {
    if (this.read !== 1 || this.fails-- > 0) {
      this.refusals++;
      this.read = 0;
      throw new Error("getParameters() has never been called on this sender");
    }
    await this.later(() => {
      this.encodings = encodings;
      this.read = 0;
      this.changes++;
    });
  }

  /** The browser has done what it was doing. */
  finish(): void {
    this.running.shift()?.();
  }

  private later(run: () => void): Promise<void> {
    return new Promise((done) => {
      this.running.push(() => {
        run();
        done();
      });
    });
  }
}

const turn = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

const make = (): { paper: PaperSender; sender: Sender; wish: { active: boolean; track: unknown } } => {
  const paper = new PaperSender();
  const wish = { active: false, track: null as unknown };
  const sender = new Sender(paper as unknown as RTCRtpSender, () => {
    const { active, track } = wish;
    const encodings: Wish["encodings"] = (current) => current.map((one) => ({ ...one, active }));
    return { track: track as MediaStreamTrack | null, encodings };
  });
  return { paper, sender, wish };
};

const SCREEN = { getSettings: () => ({ width: 1280, height: 720 }) };

test("of two wishes in a row the newer one holds, though the browser refuses changes that overlap", async () => {
  const { paper, sender, wish } = make();
  const stopped = sender.settle();
  await turn();
  wish.active = true;
  const shown = sender.settle();
  for (let i = 0; i < 3; i++) {
    paper.finish();
    await turn();
  }
  await Promise.all([stopped, shown]);
  assert.equal(paper.encodings[0]?.active, true);
  assert.equal(paper.refusals, 0);
});

test("ten wishes while a change runs are one more change", async () => {
  const { paper, sender, wish } = make();
  void sender.settle();
  await turn();
  for (let i = 0; i < 10; i++) {
    wish.active = i % 2 === 0;
    void sender.settle();
  }
  wish.active = true;
  for (let i = 0; i < 5; i++) {
    paper.finish();
    await turn();
  }
  assert.equal(paper.changes, 2);
  assert.equal(paper.encodings[0]?.active, true);
});

test("a camera that is switched off while it is being placed is off", async () => {
  const { paper, sender, wish } = make();
  wish.track = SCREEN;
  void sender.settle();
  await turn();
  wish.track = null;
  void sender.settle();
  for (let i = 0; i < 6; i++) {
    paper.finish();
    await turn();
  }
  assert.equal(paper.track, null);
});

test("what was refused is tried again", async () => {
  const { paper, sender, wish } = make();
  wish.active = true;
  paper.fails = 2;
  const settled = sender.settle();
  const clock = setInterval(() => paper.finish(), 10);
  await settled;
  clearInterval(clock);
  assert.equal(paper.refusals, 2);
  assert.equal(paper.encodings[0]?.active, true);
});

test("but not for ever", async () => {
  const { paper, sender } = make();
  paper.fails = 1000;
  await sender.settle();
  assert.ok(paper.refusals < 10);
  paper.fails = 0;
  const again = sender.settle();
  await turn();
  paper.finish();
  await again;
  assert.equal(paper.changes, 1);
});
