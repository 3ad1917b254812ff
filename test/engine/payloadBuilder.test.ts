import { describe, expect, it } from "vitest";

import { chooseUnits } from "../../src/engine/payloadBuilder.ts";
import { openUnit } from "../../src/engine/unit.ts";
import { add, createMempool, keyOf } from "../../src/mempool/mempool.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { config, members } from "./support/lonelyEngine.ts";
import { manualClock } from "./support/manualClock.ts";

describe("chooseUnits", () => {
  const transaction = Transaction.plain(NamespaceId(7n), Uint8Array.of(1, 2, 3));
  const opened = openUnit([transaction]);
  if (!opened.ok) throw new Error("a plain transaction must open");
  const mempool = createMempool();
  add(mempool, opened.unit, 0);
  const ports = { clock: manualClock(), l1: fixedL1(members), config, mempool };
  const parent = Genesis.header(config);

  it("GOSSIP-3: a leader that does not know what an ancestor carries proposes nothing", () => {
    expect(chooseUnits(ports, parent, undefined)).toEqual([]);
    expect(chooseUnits(ports, parent, new Set())).toEqual([opened.unit]);
  });

  it("GOSSIP-3: what an ancestor carries is not proposed again", () => {
    const carried = keyOf(transaction.namespace, Transaction.hash(transaction));
    expect(chooseUnits(ports, parent, new Set([carried]))).toEqual([]);
  });
});
