// Plays every conversations/*.jsonl against one real server with its bridge. One line is one step:
//   {"open":"a","as":"chair" | "technician" | "room:CODE"}      a socket with that cookie; `hello` is a step of its own
//   {"by":"a","ask":"join","with":{..},"ok":{..}}               the answer is ok and contains this; or "fault":"word"
//   {"by":"a","push":"room","like":{..}}                        the first such push that contains this
//   {"by":"a","never":"room","ms":300}                          no such push
//   {"by":"a","closed":4001}    {"by":"a","cut":true}           the server closes; we cut the line
//   {"by":"a","text":".."}                                      sends text as it is
//   {"by":"a","flood":{..},"times":300}                         the same request many times at once
//   {"meeting":"name"}                                          a fresh open meeting, its id is $name
//   {"kill":"signaling"}                                        kill -9, and wait until it serves again
// "keep":{"x":"seats.0.id"} stores part of the answer; "$x" is replaced by it later. {"note":".."} is for readers.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server, until } from "./lib/server.mjs";

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "conversations");
let server;
let cookies = {};

function contains(wanted, got) {
  if (Array.isArray(wanted))
    return Array.isArray(got) && wanted.every((w) => got.some((g) => contains(w, g)));
  if (wanted !== null && typeof wanted === "object")
    return got !== null && typeof got === "object" && Object.keys(wanted).every((k) => contains(wanted[k], got[k]));
  return wanted === got || (wanted === null && got === undefined);
}

function fill(value, kept) {
  if (typeof value === "string" && value.startsWith("$")) {
    assert.ok(value.slice(1) in kept, `nothing kept as ${value}`);
    return kept[value.slice(1)];
  }
  if (Array.isArray(value)) return value.map((v) => fill(v, kept));
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fill(v, kept)]));
  return value;
}

async function cookieFor(who) {
  if (cookies[who]) return cookies[who];
  if (who.startsWith("room:")) return (cookies[who] = await server.roomCookie(await server.roomLink(who.slice(5))));
  return (cookies[who] = await server.login({ token: server.token(who) }));
}

async function play(step, stage) {
  const { sockets, kept } = stage;
  const by = step.by ? sockets[step.by] : null;
  if (step.note) return;
  if (step.open) {
    sockets[step.open] = await server.socket(await cookieFor(step.as));
  } else if (step.meeting) {
    kept[step.meeting] = (await server.cli("meeting", "create", "--title", `Họp ${step.meeting}`, "--open")).trim();
    stage.meetings.push(kept[step.meeting]);
  } else if (step.kill) {
    const pid = server.childPid(step.kill === "signaling" ? "signaling-server" : "diemcau-bridge");
    process.kill(pid, "SIGKILL");
    await until("server back", async () => {
      const now = server.childPid(step.kill === "signaling" ? "signaling-server" : "diemcau-bridge");
      const answer = now !== 0 && now !== pid ? await server.get("/readyz").catch(() => null) : null;
      return answer !== null && answer.status === 200;
    });
  } else if (step.ask) {
    const answer = await by.ask(step.ask, fill(step.with ?? {}, kept));
    if (step.fault) {
      assert.equal(answer.t, "fault", `${step.ask}: ${JSON.stringify(answer)}`);
      assert.equal(answer.code, step.fault, answer.text);
      assert.ok(answer.text.length > 5, "a fault has a sentence");
    } else {
      assert.equal(answer.t, "ok", `${step.ask}: ${JSON.stringify(answer)}`);
      assert.ok(contains(fill(step.ok ?? {}, kept), answer), `${JSON.stringify(answer)} lacks ${JSON.stringify(step.ok)}`);
    }
    keep(step, answer, kept);
  } else if (step.push) {
    const like = fill(step.like ?? {}, kept);
    const got = await by.next((m) => m.t === step.push && contains(like, m), `${step.push} like ${JSON.stringify(like)}`);
    keep(step, got, kept);
  } else if (step.never) {
    await new Promise((resolve) => setTimeout(resolve, step.ms ?? 300));
    const like = fill(step.like ?? {}, kept);
    assert.ok(!by.inbox.some((m) => m.t === step.never && contains(like, m)), `unwanted ${step.never}`);
  } else if (step.closed) {
    assert.equal((await by.whenClosed()).code, step.closed);
  } else if (step.cut) {
    by.close();
  } else if (step.flood) {
    for (let i = 0; i < step.times; i++) by.send(JSON.stringify({ ...step.flood, id: 100000 + i }));
  } else if (step.text !== undefined) {
    by.send(step.text.repeat(step.times ?? 1));
  } else {
    assert.fail(`cannot read this step: ${JSON.stringify(step)}`);
  }
}

function keep(step, from, kept) {
  for (const [name, where] of Object.entries(step.keep ?? {})) {
    kept[name] = where.split(".").reduce((value, key) => (value === undefined ? value : value[key]), from);
    assert.notEqual(kept[name], undefined, `no ${where} in ${JSON.stringify(from)}`);
  }
}

before(async () => {
  server = await Server.start();
});

after(async () => {
  await server?.end();
});

for (const file of readdirSync(folder).filter((name) => name.endsWith(".jsonl")).sort()) {
  test(file.replace(".jsonl", ""), async () => {
    const stage = { sockets: {}, kept: {}, meetings: [] };
    const lines = readFileSync(path.join(folder, file), "utf8").split("\n");
    try {
      for (let i = 0; i < lines.length; i++) {
        if (lines[i].trim() === "") continue;
        try {
          await play(JSON.parse(lines[i]), stage);
        } catch (error) {
          throw new Error(`${file}:${i + 1}: ${error.message}\n${server.log.split("\n").slice(-12).join("\n")}`);
        }
      }
    } finally {
      for (const socket of Object.values(stage.sockets)) socket.close();
      for (const id of stage.meetings) await server.cli("meeting", "end", id).catch(() => {});
    }
  });
}
