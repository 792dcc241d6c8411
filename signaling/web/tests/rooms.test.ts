// The chair's list draws what changed and no more: with 201 rooms everything else is felt.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { advance, clean, greet, newest, settle } from "./paper";

/** As much of a document as a list needs. */
class PaperNode {
  childNodes: PaperNode[] = [];
  parentNode: PaperNode | null = null;
  style = {};
  data = "";
  readonly namespaceURI = "http://www.w3.org/1999/xhtml";

  constructor(
    readonly localName: string,
    readonly nodeType = 1,
  ) {}

  get firstChild(): PaperNode | null {
    return this.childNodes[0] ?? null;
  }

  get nextSibling(): PaperNode | null {
    const all = this.parentNode?.childNodes ?? [];
    return all[all.indexOf(this) + 1] ?? null;
  }

  insertBefore(node: PaperNode, before: PaperNode | null): void {
    node.remove();
    const at = before === null ? this.childNodes.length : this.childNodes.indexOf(before);
    this.childNodes.splice(at, 0, node);
    node.parentNode = this;
  }

  remove(): void {
    const all = this.parentNode?.childNodes ?? [];
    if (all.includes(this)) all.splice(all.indexOf(this), 1);
    this.parentNode = null;
  }

  removeChild(node: PaperNode): void {
    node.remove();
  }

  contains(): boolean {
    return true;
  }

  setAttribute(): void {}
  removeAttribute(): void {}
  addEventListener(): void {}
  removeEventListener(): void {}
}

Object.assign(document, {
  createElementNS: (_space: string, name: string) => new PaperNode(name),
  createTextNode: () => new PaperNode("", 3),
});

const { h, options } = await import("preact");
const { createRoot } = await import("preact/compat/client");
const { HallStore } = await import("../src/net/hall");
const { Rooms } = await import("../src/pages/chair/Rooms");
const { emptySeat } = await import("../src/core/seats");

let drawn = 0;
const hooks = options as { __r?: (node: { type: { name?: string } }) => void };
const before = hooks.__r;
hooks.__r = (node) => {
  if (node.type.name === "RoomRow") drawn++;
  before?.(node);
};

const ROOMS = 201;
const SEATS = Array.from({ length: ROOMS }, (_, i) => ({
  ...emptySeat(i + 1),
  label: `Xã ${i + 1}`,
  state: "present",
}));
const MEETING = { id: "a", title: "A", state: "open", layout: "full", floor: null, pinned: [], undo: null };

const shown = async (): Promise<void> => {
  const hall = new HallStore("chair");
  await greet();
  newest().says({ t: "snapshot", n: 1, meeting: MEETING, seats: SEATS, meetings: [] });
  createRoot(new PaperNode("main") as unknown as HTMLElement).render(h(Rooms, { hall }));
  await settle();
  assert.equal(drawn, ROOMS);
  drawn = 0;
};

beforeEach(() => {
  clean();
  drawn = 0;
});

const CHANGES: readonly [string, object, number][] = [
  ["one microphone", { t: "delta", n: 2, seats: [{ id: 5, microphone: "on" }] }, 1],
  ["one room that is lost, and the counts", { t: "delta", n: 2, seats: [{ id: 5, state: "lost" }] }, 1],
  ["the layout", { t: "delta", n: 2, meeting: { layout: "1+1" } }, 0],
  ["who presents", { t: "delta", n: 2, meeting: { presenting: 7 } }, 1],
  ["who speaks", { t: "speaking", seats: [{ seat: 3, label: "Xã 3", level: 1 }] }, 1],
];
for (const [name, change, rows] of CHANGES)
  test(`rooms: of ${name} so many rows are drawn: ${rows}`, async () => {
    await shown();
    newest().says(change);
    await settle();
    await advance(50);
    assert.equal(drawn, rows);
  });
