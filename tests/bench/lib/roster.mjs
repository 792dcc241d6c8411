// A roster with exactly so many rooms: those of the demo roster, and made-up ones after them.
import { readFileSync, writeFileSync } from "node:fs";

export function writeRoster(path, rooms) {
  const [head, ...rows] = readFileSync("config/roster/quang-ninh-2019.csv", "utf8").trim().split("\n");
  const columns = head.split(",").length, taken = rows.slice(0, rooms);
  for (let i = taken.length + 1; i <= rooms; i++)
    taken.push([`BM-${String(i).padStart(4, "0")}`, `Điểm thử ${i}`, "xã", "Vùng thử", "Cấp xã"].concat(Array(columns - 5).fill("")).join(","));
  writeFileSync(path, `${[head, ...taken].join("\n")}\n`);
}
