import { afterEach, describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import { SERVED_BYTES_BURST } from "../../src/engine/blockServer.ts";
import * as Keys from "../../src/engine/chainKeys.ts";
import { PAYLOADS_ANSWER_BYTES, PAYLOADS_MAX, type Message } from "../../src/engine/message.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { config, lonelyEngine, members, stopAll } from "./support/lonelyEngine.ts";

afterEach(stopAll);

const blockOf = (number: number) => keccakHash(Uint8Array.of(number));

describe("block server", () => {
  it("SYNC-4: names what it does not have, each once", async () => {
    const { hear } = await lonelyEngine();
    const blocks = [blockOf(1), blockOf(2), blockOf(1)];
    expect(await hear({ type: "payloads-request", blocks })).toEqual([
      { type: "payloads", payloads: [], missing: [blockOf(1), blockOf(2)] },
    ]);
  });

  it("LIMIT-1: every payload asked for costs, whether it is there or not", async () => {
    const { hear } = await lonelyEngine();
    const request: Message = {
      type: "payloads-request",
      blocks: Array.from({ length: PAYLOADS_MAX }, (_, index) => blockOf(index)),
    };
    let answers = 0;
    for (let turn = 0; turn < 60; turn++) answers += (await hear(request, 0)).length;
    expect(answers).toBeGreaterThan(20);
    expect(answers).toBeLessThan(40);
    expect(await hear(request, 1)).toHaveLength(1);
  });

  it("LIMIT-4: a peer is given so many bytes at once and no more, another peer still is", async () => {
    const store = createMemoryStore();
    const bytes = config.limits.payloadBytesMax;
    const blocks = Array.from({ length: PAYLOADS_ANSWER_BYTES / bytes }, (_, index) => blockOf(index));
    const put = blocks.map((hash) => ({ kind: "put" as const, key: Keys.payload(hash), value: new Uint8Array(bytes) }));
    await store.batch(put, { sync: true });
    const { hear, wait } = await lonelyEngine(undefined, members, store);
    const request: Message = { type: "payloads-request", blocks };
    let given = 0;
    for (let turn = 0; turn < 150; turn++) {
      const [answer] = await hear(request, 0);
      if (answer?.type === "payloads") given += answer.payloads.length * bytes;
    }
    expect(given).toBe(SERVED_BYTES_BURST);
    expect(await hear(request, 1)).toHaveLength(1);
    await wait(1_000);
    expect(await hear(request, 0)).toHaveLength(1);
  });
});
