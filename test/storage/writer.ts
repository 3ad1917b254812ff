import { openDiskStore } from "../../src/storage/diskStore.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { WriteAheadLog } from "../../src/storage/writeAheadLog.ts";

/**
 * The child that kill.test.ts kills: writes to a log and a store, and says on standard output which number is durable.
 * A line on a pipe survives the death of its writer.
 */
const [directory = ""] = process.argv.slice(2);
const log = await WriteAheadLog.open(nodeFileSystem, `${directory}/log`, { segmentBytes: 64 * 1024 });
const store = await openDiskStore(`${directory}/store`);
const [key, count] = [Buffer.from("count"), Buffer.alloc(8)];

for (let i = log.nextIndex; ; i++) {
  log.append(Buffer.from(`record ${String(i)} ${"x".repeat((i * 37) % 3000)}`));
  await log.sync();
  count.writeBigUInt64BE(BigInt(i));
  const item = Buffer.from(`item ${String(i)}`);
  await store.batch(
    [
      { kind: "put", key, value: count },
      { kind: "put", key: item, value: item },
    ],
    { sync: true },
  );
  process.stdout.write(`${String(i)}\n`);
  if (i % 100 === 99) await log.truncateBelow(i - 50);
}
