// Runs a benchmark that is a C program and keeps what it wrote, with machine and versions beside it.
//   node tests/bench/lib/micro.mjs NAME PROGRAM
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { about, append, main, own } from "./stage.mjs";

const [name, program] = process.argv.slice(2);

await main(name, async () => {
  const folder = mkdtempSync(join(tmpdir(), "diemcau-bench-"));
  try {
    const code = await own(spawn(program, [], { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, OUT: folder } })).ended;
    if (code !== 0) throw new Error(`ended with ${code}`);
    const common = about();
    for (const file of readdirSync(folder).filter((each) => each.endsWith(".jsonl")))
      for (const line of readFileSync(join(folder, file), "utf8").split("\n").filter(Boolean)) append(name, { ...JSON.parse(line), settings: { program: `bench_${name}`, arguments: [] }, ...common });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
