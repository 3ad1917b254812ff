import { describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import { membership } from "../../src/engine/membership.ts";
import { chooseUnits, l1Fields } from "../../src/engine/payloadBuilder.ts";
import { openUnit } from "../../src/engine/unit.ts";
import { add, createMempool, keyOf } from "../../src/mempool/mempool.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import type { Header } from "../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, NamespaceId } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import { fixedL1 } from "./support/fixedL1.ts";
import { config, members } from "./support/lonelyEngine.ts";
import { manualClock } from "./support/manualClock.ts";

const l1 = fixedL1(members);
const committee = l1.committee(CommitteeId(1n));
if (committee === undefined) throw new Error("a committee");
const member = membership(Epoch(1n), committee, config, undefined);

describe("l1Fields", () => {
  const parentAt = (l1Number: bigint): Header => {
    return { ...Genesis.header(config), height: Height(3n), l1Number, l1Hash: keccakHash(Uint8Array.of(77)) };
  };

  it("PROP-5: takes the newest anchor, and the parent's where L1 shows nothing newer or another block of that number", () => {
    const newest = l1.finalized();
    expect(l1Fields({ l1, config }, member, parentAt(9n))).toMatchObject({
      l1Number: newest?.number,
      l1Hash: newest?.hash,
    });
    for (const number of [10n, 11n]) {
      const { l1Number, l1Hash } = parentAt(number);
      expect(l1Fields({ l1, config }, member, parentAt(number))).toMatchObject({ l1Number, l1Hash });
    }
  });
});

describe("chooseUnits", () => {
  const transaction = Transaction.plain(NamespaceId(7n), Uint8Array.of(1, 2, 3));
  const opened = openUnit([transaction]);
  if (!opened.ok) throw new Error("a plain transaction must open");
  const mempool = createMempool();
  add(mempool, opened.unit, 0);
  const ports = { clock: manualClock(), l1, config, mempool };
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
