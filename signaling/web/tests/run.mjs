// Runs the unit tests of the pages: bundles tests/*.test.ts for Node and hands them to its own test runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), "diemcau-web-"));
const entries = readdirSync(here)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join(here, name));
await build({
  entryPoints: entries,
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  // Browsers and newer Nodes have it; Debian 12's Node 18 keeps it in a module.
  banner: { js: 'import { webcrypto } from "node:crypto"; globalThis.crypto ??= webcrypto;' },
  logLevel: "warning",
});
const files = readdirSync(out).map((name) => join(out, name));
const run = spawnSync(
  process.execPath,
  ["--test", "--test-reporter=tap", ...process.argv.slice(2), ...files],
  { stdio: "inherit" },
);
rmSync(out, { recursive: true });
process.exit(run.status ?? 1);
