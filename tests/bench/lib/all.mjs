// All benchmarks in one run, the heavy ones last, each with a time limit; then the table of goals. What a part starts ends
// with it: a part that takes too long is asked to end, and its process group is killed when it does not. Exit code 0 when
// every part ran through; goals that are missed do not fail the run, the table says so.
//   make bench          QUICK=1 shorter; PARTS="delay audio" only these
import { spawn } from "node:child_process";
import { goalRows, printGoals, writeGoals } from "./goals.mjs";

const quick = process.env.QUICK === "1";
// Name, and the minutes that it may take.
const PARTS = [["media_audio", 2], ["media_pictures", 2], ["media_fanout", 2], ["delay", 4], ["join", 4], ["recover", 9], ["weak", 11], ["fanout", 7], ["audio", 7], ["capacity", 18]];
const run = process.env.BENCH_RUN ?? new Date().toISOString();
const wanted = process.env.PARTS?.split(" ");
const parts = PARTS.filter(([name]) => wanted === undefined || wanted.includes(name));
const env = { ...process.env, BENCH_RUN: run };
let current = null, stopped = false;

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch { /* the whole group has ended */ }
}

/** Resolves with "ok", or what went wrong. */
function once([command, ...args], minutes) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"], env, detached: true });
    current = child;
    let late = false, ended = false;
    const limit = setTimeout(() => {
      late = true;
      child.kill("SIGTERM"); // the part itself ends what it has started
      setTimeout(() => { if (!ended) signal(child, "SIGKILL"); }, 20_000).unref();
    }, minutes * 60_000);
    child.once("error", (error) => { clearTimeout(limit); done(error.message); });
    child.once("exit", (code, name) => {
      ended = true;
      clearTimeout(limit);
      signal(child, "SIGKILL"); // what a part that crashed has left behind
      current = null;
      done(late ? `took longer than ${minutes} minutes` : code === 0 ? "ok" : `ended with ${code ?? name}`);
    });
  });
}

for (const name of ["SIGINT", "SIGTERM"])
  process.on(name, () => {
    stopped = true;
    current?.kill("SIGTERM");
  });

const outcome = [], began = performance.now();
for (const [name, minutes] of parts) {
  if (stopped) break;
  const from = performance.now();
  console.log(`\n==== ${name} ====`);
  const script = name.startsWith("media_") ? ["tests/bench/lib/micro.mjs", name, `${process.env.BENCH_BIN}/bench_${name}`] : [`tests/bench/${name}.mjs`];
  const result = await once([process.execPath, ...script], minutes);
  outcome.push([name, result, (performance.now() - from) / 60_000]);
  if (result !== "ok") console.error(`bench-${name}: ${result}`);
}

console.log(`\nParts, ${((performance.now() - began) / 60_000).toFixed(1)} minutes in all${quick ? " (QUICK=1: short windows, good for a look, not for a figure)" : ""}`);
for (const [name, result, minutes] of outcome) console.log(`  ${name.padEnd(16)} ${minutes.toFixed(1).padStart(5)} min  ${result}`);
const rows = goalRows(run);
printGoals(rows);
if (process.env.WRITE === "1") writeGoals(rows, run);
process.exitCode = stopped || outcome.some(([, result]) => result !== "ok") ? 1 : 0;
