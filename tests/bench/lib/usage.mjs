// What processes and the machine spend, from /proc: by thread, by group of threads, in all.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"]));

// Fields 14 and 15 of a stat file, counted after the name, which may hold spaces.
function readStat(path) {
  const stat = readFileSync(path, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { name: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")), cpu_s: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond };
}

export const cpuSeconds = (pid) => readStat(`/proc/${pid}/stat`).cpu_s;

/** CPU seconds of every thread of a process, summed by name; numbers at the end of names are left out. */
export function threadTimes(pid) {
  const times = new Map();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      const { name, cpu_s } = readStat(`/proc/${pid}/task/${task}/stat`);
      const key = name.replace(/[-/ ]?\d+.*$/, "");
      times.set(key, (times.get(key) ?? 0) + cpu_s);
    } catch { /* a thread that has just ended */ }
  }
  return times;
}

/** Two readings of threadTimes, as cores by name, the dearest first. */
export function coresByThread(before, after, seconds) {
  return Object.fromEntries([...after].map(([name, cpu_s]) => [name, (cpu_s - (before.get(name) ?? 0)) / seconds])
    .filter(([, cores]) => cores >= 0.0005).sort((a, b) => b[1] - a[1]).map(([name, cores]) => [name, Number(cores.toFixed(4))]));
}

const GROUPS = [[/^worker/, "workers"], [/^audio/, "audio"], [/^canvas/, "canvas"], [/^encoder|^enc|^vp8|^vpx|^h264|^x264/, "encode"], [/^decode|^dec/, "decode"]];
/** Groups of the bridge's threads that do codec work. */
export const CODEC_GROUPS = ["audio", "canvas", "encode", "decode"];

/** The bridge's threads by what they are for; everything else in it (main loop, log) is control. */
export function coresByGroup(threads) {
  const groups = { workers: 0, audio: 0, canvas: 0, encode: 0, decode: 0, control: 0 };
  for (const [name, cores] of Object.entries(threads)) groups[GROUPS.find(([pattern]) => pattern.test(name))?.[1] ?? "control"] += cores;
  return Object.fromEntries(Object.entries(groups).map(([name, cores]) => [name, Number(cores.toFixed(4))]));
}

/** What all processors together did so far, in seconds: time at work (time taken by other guests included), and all time. */
export function machineTimes() {
  const fields = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/).slice(1, 9).map(Number);
  const all_s = fields.reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond;
  return { all_s, busy_s: all_s - (fields[3] + fields[4]) / ticksPerSecond };
}

/** Share of all processors' time that was not idle between two readings, and the cores that makes. */
export function machineBusy(before, after) {
  const share = (after.busy_s - before.busy_s) / Math.max(0.01, after.all_s - before.all_s);
  return { busy: Number(share.toFixed(3)), cores: share * cpus().length };
}
