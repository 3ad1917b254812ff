import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { systemRandom } from "../../src/runtime/random.ts";
import { openDiskStore } from "../../src/storage/diskStore.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));
const KILLS = 12;

/** Runs the writer until it reported some numbers, kills it at a random moment, and returns the last one it reported. */
async function writeAndKill(directory: string, reports: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, directory], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (output.split("\n").length > reports) child.kill("SIGKILL");
  });
  await once(child, "close");
  return Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
}

it("WAL-1: kill -9 of a writer at random moments loses nothing that was synced, in log and store", async () => {
  const directory = await mkdtemp(join(tmpdir(), "crema-kill-"));
  try {
    for (let round = 0; round < KILLS; round++) {
      const last = await writeAndKill(directory, 1 + Math.floor(systemRandom.fraction() * 150));
      const log = await WriteAheadLog.open(nodeFileSystem, join(directory, "log"));
      expect(log.nextIndex).toBeGreaterThan(last);
      let index = log.firstIndex;
      for await (const { data } of log.replay()) {
        expect(
          Buffer.from(data)
            .toString()
            .startsWith(`record ${String(index)} `),
        ).toBe(true);
        index++;
      }
      expect(index).toBe(log.nextIndex);
      await log.close();
      const store = await openDiskStore(join(directory, "store"));
      const count = Number(Buffer.from((await store.get(Buffer.from("count"))) ?? new Uint8Array(8)).readBigUInt64BE());
      expect(count).toBeGreaterThanOrEqual(last);
      const item = await store.get(Buffer.from(`item ${String(count)}`));
      expect(Buffer.from(item ?? new Uint8Array(0)).toString()).toBe(`item ${String(count)}`);
      await store.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
