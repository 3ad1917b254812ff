import { describe, expect, it } from "vitest";

import { keccakHash, toHash, ZERO_HASH } from "../../src/crypto/hash.ts";
import {
  ChainStore,
  OtherChainError,
  PLACES_BATCH_MAX,
  ROLLBACK_BLOCKS_MAX,
  type FinalBlock,
} from "../../src/engine/chainStore.ts";
import { beginningOf } from "../../src/engine/startUp.ts";
import { EVIDENCE_PER_VALIDATOR_MAX } from "../../src/engine/evidenceStore.ts";
import * as Merkle from "../../src/crypto/merkle.ts";
import { fromHex, toHex } from "../../src/codec/hex.ts";
import * as Keys from "../../src/engine/chainKeys.ts";
import * as Records from "../../src/engine/records.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import type * as Certificate from "../../src/protocol/Certificate.ts";
import type { Evidence } from "../../src/protocol/Evidence.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import { CommitteeId, Epoch, Height, NamespaceId, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { createMemoryStore } from "../../src/storage/memoryStore.ts";
import { BATCH_OPERATIONS_MAX, StoreCorruptError, type Store } from "../../src/storage/store.ts";
import { quickConfig } from "../simulation/world.ts";

const genesis = Genesis.header(quickConfig());
const epoch = Epoch(1n);
const tx = (label: string): ReturnType<typeof keccakHash> => keccakHash(new TextEncoder().encode(label));

function child(parent: Header.Header, history: History.History, changes: Partial<Header.Header> = {}): Header.Header {
  return {
    ...parent,
    height: Height(parent.height + 1n),
    epoch,
    viewNumber: View(parent.viewNumber + 1n),
    committee: CommitteeId(1n),
    timestamp: parent.timestamp + 1n,
    parent: Header.hash(parent),
    history: History.root(history),
    nextCommittee: CommitteeId(0n),
    ...changes,
  };
}

function finalization(header: Header.Header): Certificate.Certificate {
  const vote = Vote.finalize(epoch, header.viewNumber, Header.hash(header));
  return { vote, absent: Uint8Array.of(0), signature: new Uint8Array(48).fill(1) };
}

/** A chain of `count` blocks in a store, block i with transaction `tx i` in namespace 5. */
async function filled(store: Store, count: number): Promise<{ chain: ChainStore; headers: Header.Header[] }> {
  const chain = await ChainStore.open(store, genesis);
  let history = History.append(History.EMPTY, Header.hash(genesis));
  const headers = [genesis];
  for (let i = 1; i <= count; i++) {
    const header = child(headers.at(-1) ?? genesis, history);
    history = History.append(history, Header.hash(header));
    const namespaces = [{ namespace: NamespaceId(5n), hashes: [tx(`tx ${String(i)}`)] }];
    await chain.saveCandidate(epoch, header.viewNumber, Header.hash(header), Uint8Array.of(i));
    await chain.append([{ header, payloadLengthBytes: 1, namespaces }], finalization(header), history);
    headers.push(header);
  }
  return { chain, headers };
}

/** 32 bytes that begin with a number. */
function numbered(at: number): ReturnType<typeof keccakHash> {
  return toHash(`0x${at.toString(16).padStart(64, "0")}`);
}

/** Takes the first batch (genesis) and so many more, then fails at the next. */
function failingAfter(store: Store, batches: number): Store {
  let left = batches + 1;
  return {
    ...store,
    batch: (operations, options) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error("the disk is gone")) : store.batch(operations, options);
    },
  };
}

describe("ChainStore", () => {
  it("STORE-1: blocks, payloads, certificates, places and proofs are there after reopening", async () => {
    const store = createMemoryStore();
    const { headers } = await filled(store, 9);
    const chain = await ChainStore.open(store, genesis);
    expect(chain.height).toBe(9n);
    for (const [height, header] of headers.entries()) {
      const hash = Header.hash(header);
      expect((await chain.blockAt(Height(BigInt(height))))?.header).toEqual(header);
      expect(await chain.heightOf(hash)).toBe(BigInt(height));
      const path = await chain.historyPath(Height(BigInt(height)), 10n);
      const last = History.root(chain.tip?.history ?? History.EMPTY);
      expect(Merkle.verify(fromHex(last), fromHex(hash), BigInt(height), 10n, path ?? [])).toBe(true);
    }
    expect(await chain.transaction(NamespaceId(5n), tx("tx 4"))).toEqual({ height: 4n, index: 0 });
    expect(await chain.transaction(NamespaceId(6n), tx("tx 4"))).toBeUndefined();
    expect(await chain.payload(Header.hash(headers[3] ?? genesis))).toEqual(Uint8Array.of(3));
    expect(await chain.historyPath(Height(3n), 11n)).toBeUndefined();
  });

  it("GENESIS-2: the store of another chain is refused, before and after its first block", async () => {
    const other = Genesis.header(quickConfig({ genesisTimeMs: 1 }));
    const store = createMemoryStore();
    await filled(store, 0);
    await expect(ChainStore.open(store, other)).rejects.toThrow(OtherChainError);
    await filled(store, 1);
    await expect(ChainStore.open(store, other)).rejects.toThrow(OtherChainError);
    expect((await ChainStore.open(store, genesis)).height).toBe(1n);
  });

  it("STORE-1: finalizations are found at, below and above a height", async () => {
    const { chain } = await filled(createMemoryStore(), 4);
    const at = async (from: bigint, to: bigint, highest: boolean): Promise<bigint | undefined> =>
      (await chain.finalization(Height(from), Height(to), highest))?.height;
    expect([
      await at(2n, 2n, false),
      await at(0n, 3n, true),
      await at(2n, 100n, false),
      await at(5n, 9n, false),
    ]).toEqual([2n, 3n, 2n, undefined]);
  });

  it("STORE-2: a transaction that a later block repeats keeps its first place", async () => {
    const store = createMemoryStore();
    const { chain, headers } = await filled(store, 2);
    const history = chain.tip?.history ?? History.EMPTY;
    const header = child(headers.at(-1) ?? genesis, history);
    const again = [{ namespace: NamespaceId(5n), hashes: [tx("new"), tx("tx 1"), tx("new")] }];
    const block: FinalBlock = { header, payloadLengthBytes: 3, namespaces: again };
    await chain.append([block], finalization(header), History.append(history, Header.hash(header)));
    expect(await chain.transaction(NamespaceId(5n), tx("tx 1"))).toEqual({ height: 1n, index: 0 });
    expect(await chain.transaction(NamespaceId(5n), tx("new"))).toEqual({ height: 3n, index: 0 });
  });

  it("STORE-2: a run of blocks with more transactions than a batch holds is appended", async () => {
    const chain = await ChainStore.open(createMemoryStore(), genesis);
    let history = History.append(History.EMPTY, Header.hash(genesis));
    let parent = genesis;
    const blocks: FinalBlock[] = [];
    for (let i = 0; i < 3; i++) {
      parent = child(parent, history);
      history = History.append(history, Header.hash(parent));
      const hashes = Array.from({ length: 40_000 }, (_, at) => numbered(i * 40_000 + at));
      blocks.push({ header: parent, payloadLengthBytes: 1, namespaces: [{ namespace: NamespaceId(5n), hashes }] });
    }
    expect(3 * 40_000).toBeGreaterThan(BATCH_OPERATIONS_MAX);
    await chain.append(blocks, finalization(parent), history);
    expect(chain.height).toBe(3n);
    expect(await chain.transaction(NamespaceId(5n), numbered(119_999))).toEqual({ height: 3n, index: 39_999 });
  });

  it("STORE-2: a place whose block did not make it into the store does not show", async () => {
    const store = createMemoryStore();
    const header = child(genesis, History.append(History.EMPTY, Header.hash(genesis)));
    const hashes = Array.from({ length: PLACES_BATCH_MAX + 1 }, (_, at) => numbered(at));
    const namespaces = [{ namespace: NamespaceId(5n), hashes }];
    const chain = await ChainStore.open(failingAfter(store, 1), genesis);
    const appended = chain.append([{ header, payloadLengthBytes: 1, namespaces }], finalization(header), History.EMPTY);
    await expect(appended).rejects.toThrow("the disk is gone");
    const reopened = await ChainStore.open(store, genesis);
    expect(await reopened.transaction(NamespaceId(5n), numbered(0))).toBeUndefined();
    await reopened.append([{ header, payloadLengthBytes: 1, namespaces }], finalization(header), History.EMPTY);
    expect(await reopened.transaction(NamespaceId(5n), numbered(0))).toEqual({ height: 1n, index: 0 });
  });

  it("STORE-3: the payload of a block that lost is deleted once its view is final, the winner's stays", async () => {
    const { chain, headers } = await filled(createMemoryStore(), 1);
    const [, first = genesis] = headers;
    const history = chain.tip?.history ?? History.EMPTY;
    const winner = child(first, history, { timestamp: first.timestamp + 5n });
    const loser = child(first, history, { timestamp: first.timestamp + 6n });
    const later = child(first, history, { viewNumber: View(9n) });
    for (const header of [winner, loser, later]) {
      await chain.saveCandidate(epoch, header.viewNumber, Header.hash(header), Uint8Array.of(1));
    }
    const block = { header: winner, payloadLengthBytes: 1, namespaces: [] };
    await chain.append([block], finalization(winner), History.append(history, Header.hash(winner)));
    expect(await chain.payload(Header.hash(winner))).toBeDefined();
    expect(await chain.payload(Header.hash(loser))).toBeUndefined();
    expect(await chain.payload(Header.hash(later))).toBeDefined();
  });

  it("STORE-4: pruning takes payloads and leaves headers", async () => {
    const { chain, headers } = await filled(createMemoryStore(), 5);
    await chain.prunePayloads(Height(0n), Height(3n));
    const kept = await Promise.all(headers.map((header) => chain.payload(Header.hash(header))));
    expect(kept.map((payload) => payload !== undefined)).toEqual([false, false, false, true, true, true]);
    expect((await chain.blockAt(Height(1n)))?.header.height).toBe(1n);
  });

  it("ACC-1: evidence is kept once, in order, over a restart", async () => {
    const store = createMemoryStore();
    const chain = await ChainStore.open(store, genesis);
    const about = (view: bigint): Evidence => {
      const signers = { kind: "key" as const, validator: ValidatorId(3n) };
      const signature = new Uint8Array(48).fill(2);
      return {
        first: { message: Vote.notarize(epoch, View(view), ZERO_HASH), signers, signature },
        second: { message: Vote.notarize(epoch, View(view), tx("other")), signers, signature },
      };
    };
    expect(await chain.evidenceStore.save(about(1n))).toBe(true);
    expect(await chain.evidenceStore.save(about(2n))).toBe(true);
    expect(await chain.evidenceStore.save(about(1n))).toBe(false);
    const reopened = await ChainStore.open(store, genesis);
    expect(await reopened.evidenceStore.save(about(2n))).toBe(false);
    expect(await reopened.evidenceStore.save(about(3n))).toBe(true);
    const found = await reopened.evidenceStore.read(1, 10);
    expect(found.map(({ number }) => number)).toEqual([1, 2]);
    expect(found[0]?.evidence).toEqual(about(2n));
  });

  it("ACC-4: a validator's own signatures fill no more than its part of the evidence", async () => {
    const store = createMemoryStore();
    const chain = await ChainStore.open(store, genesis);
    const about = (validator: bigint, view: bigint): Evidence => {
      const signers = { kind: "key" as const, validator: ValidatorId(validator) };
      const signature = new Uint8Array(48).fill(2);
      return {
        first: { message: Vote.notarize(epoch, View(view), ZERO_HASH), signers, signature },
        second: { message: Vote.notarize(epoch, View(view), tx("other")), signers, signature },
      };
    };
    for (let view = 1n; view <= EVIDENCE_PER_VALIDATOR_MAX; view++) {
      expect(await chain.evidenceStore.save(about(3n, view))).toBe(true);
    }
    const over = about(3n, BigInt(EVIDENCE_PER_VALIDATOR_MAX) + 1n);
    expect(await chain.evidenceStore.save(over)).toBe(false);
    expect(await chain.evidenceStore.save(about(4n, 1n))).toBe(true);
    const reopened = await ChainStore.open(store, genesis);
    expect(await reopened.evidenceStore.save(over)).toBe(false);
    expect(await reopened.evidenceStore.read(0, 100)).toHaveLength(EVIDENCE_PER_VALIDATOR_MAX + 1);
  });

  it("EPOCH-1: handovers are found by epoch, committees by id", async () => {
    const chain = await ChainStore.open(createMemoryStore(), genesis);
    const history = History.append(History.EMPTY, Header.hash(genesis));
    const handover = child(genesis, history, { nextCommittee: CommitteeId(2n) });
    const block = { header: handover, payloadLengthBytes: 0, namespaces: [] };
    await chain.append([block], finalization(handover), History.append(history, Header.hash(handover)));
    expect(await chain.handoverHeight(epoch)).toBe(1n);
    expect(await chain.handoverHeight(Epoch(2n))).toBeUndefined();
    const member = {
      validator: ValidatorId(7n),
      seat: 3,
      key: new Uint8Array(192).fill(4),
      weight: 65_535n,
      transportKey: new Uint8Array(32).fill(5),
      address: "/ip4/127.0.0.1/tcp/1",
    };
    const committee = {
      id: CommitteeId(2n),
      members: [member],
      randomness: ZERO_HASH,
      createdNumber: 8n,
      createdAt: 9n,
    };
    await chain.saveCommittee(committee);
    expect(await chain.committee(CommitteeId(2n))).toEqual(committee);
    expect(await chain.committee(CommitteeId(3n))).toBeUndefined();
  });

  describe("after a resume", () => {
    const namespacesOf = (block: { readonly header: Header.Header }) =>
      Promise.resolve([{ namespace: NamespaceId(5n), hashes: [tx(`tx ${String(block.header.height)}`)] }]);
    const LENGTH = 2 * ROLLBACK_BLOCKS_MAX + 7;

    it("RESUME-7: what lies above a block is gone with all that was indexed about it, the rest is whole", async () => {
      const store = createMemoryStore();
      const { chain, headers } = await filled(store, LENGTH);
      await chain.rollback(Height(5n), namespacesOf);
      for (const same of [chain, await ChainStore.open(store, genesis)]) {
        expect(same.height).toBe(5n);
        expect(same.tip?.certificate).toEqual(finalization(headers[5] ?? genesis));
        for (const height of [6, LENGTH]) {
          const hash = Header.hash(headers[height] ?? genesis);
          expect(await same.blockAt(Height(BigInt(height)))).toBeUndefined();
          expect(await same.heightOf(hash)).toBeUndefined();
          expect(await same.payload(hash)).toBeUndefined();
          expect(await same.transaction(NamespaceId(5n), tx(`tx ${String(height)}`))).toBeUndefined();
        }
        expect(await same.finalization(Height(6n), Height(1_000n), true)).toBeUndefined();
        expect(await same.transaction(NamespaceId(5n), tx("tx 5"))).toMatchObject({ height: 5n });
        // The frontier is that of a chain that never was longer.
        const history = headers
          .slice(0, 6)
          .reduce((sum, each) => History.append(sum, Header.hash(each)), History.EMPTY);
        expect(same.tip?.history).toEqual(history);
      }
    });

    it("RESUME-7: another branch grows where the old one stood, with places and proofs of its own", async () => {
      const { chain, headers } = await filled(createMemoryStore(), 9);
      await chain.rollback(Height(4n), namespacesOf);
      const parent = headers[4] ?? genesis;
      const history = chain.tip?.history ?? History.EMPTY;
      const other = child(parent, history, { epoch: Epoch(3n), viewNumber: View(1n) });
      const longer = History.append(history, Header.hash(other));
      const namespaces = [{ namespace: NamespaceId(5n), hashes: [tx("tx 8"), tx("tx 5")] }];
      await chain.append([{ header: other, payloadLengthBytes: 1, namespaces }], undefined, longer);
      expect(chain.tip).toMatchObject({ certificate: undefined, header: other });
      expect(await chain.transaction(NamespaceId(5n), tx("tx 8"))).toEqual({ height: 5n, index: 0 });
      expect(await chain.transaction(NamespaceId(5n), tx("tx 5"))).toEqual({ height: 5n, index: 1 });
      const path = await chain.historyPath(Height(5n), 6n);
      const leaf = fromHex(Header.hash(other));
      expect(Merkle.verify(fromHex(History.root(longer)), leaf, 5n, 6n, path ?? [])).toBe(true);
    });

    it("RESUME-7: back to genesis, there is no tip", async () => {
      const store = createMemoryStore();
      const { chain } = await filled(store, 3);
      await chain.rollback(Height(0n), namespacesOf);
      expect(chain.tip).toBeUndefined();
      expect((await ChainStore.open(store, genesis)).height).toBe(0n);
    });

    it("RESUME-7: a crash between two batches leaves a shorter chain", async () => {
      const store = createMemoryStore();
      const { chain, headers } = await filled(store, LENGTH);
      let left = 1;
      const batch = store.batch.bind(store);
      store.batch = (...given) => (left-- > 0 ? batch(...given) : Promise.reject(new Error("the power went")));
      await expect(chain.rollback(Height(5n), namespacesOf)).rejects.toThrow("the power went");
      store.batch = batch;
      const reopened = await ChainStore.open(store, genesis);
      const height = LENGTH - ROLLBACK_BLOCKS_MAX;
      expect(reopened.height).toBe(BigInt(height));
      expect(reopened.tip?.header).toEqual(headers[height]);
      await reopened.rollback(Height(5n), namespacesOf);
      expect(reopened.height).toBe(5n);
    });

    it("RESUME-8: a fork that is noted while the resume that ends it is taken ends no process", async () => {
      const store = createMemoryStore();
      const { chain, headers } = await filled(store, 3);
      const tip = headers[3] ?? genesis;
      const resume = { epoch: Epoch(6n), block: Header.hash(tip), committee: CommitteeId(2n) };
      const theirs = finalization(headers[2] ?? genesis);
      const noting = chain.saveFork({ mine: undefined, theirs });
      const written = { kind: "put" as const, key: Keys.fork, value: Records.encodeFork({ mine: undefined, theirs }) };
      await chain.takeResume({ ...resume, height: tip.height, journalFrom: 0 });
      await noting;
      // What the disk does last of the two is chance.
      await store.batch([written], { sync: true });
      expect(await (await ChainStore.open(store, genesis)).fork()).toBeUndefined();
      // The same again in the opened epoch is one.
      const later = { ...theirs, vote: Vote.finalize(Epoch(6n), View(1n), tx("another block")) };
      await chain.saveFork({ mine: undefined, theirs: later });
      expect(await (await ChainStore.open(store, genesis)).fork()).toEqual({ mine: undefined, theirs: later });
    });

    it("HEAL-2: what was taken is known from the blocks above when its row is damaged: nothing final is left", async () => {
      const memory = createMemoryStore();
      const { chain, headers } = await filled(memory, 3);
      const tip = headers[3] ?? genesis;
      const resume = { epoch: Epoch(6n), block: Header.hash(tip), committee: CommitteeId(2n) };
      await chain.takeResume({ ...resume, height: tip.height, journalFrom: 77 });
      const { history } = expectPresent(chain.tip, "a tip");
      const changes = { epoch: Epoch(6n), viewNumber: View(1n), committee: CommitteeId(2n) };
      const above = child(tip, history, changes);
      const grown = History.append(history, Header.hash(above));
      await chain.append([{ header: above, payloadLengthBytes: 0, namespaces: [] }], finalization(above), grown);

      const key = toHex(Keys.resume(Epoch(6n)));
      let isDamaged = true;
      const rotten: Store = {
        ...memory,
        range: async function* (bounds) {
          for await (const entry of memory.range(bounds)) {
            if (isDamaged && toHex(entry.key) === key) throw new StoreCorruptError("store", entry.key, "bits rotted");
            yield entry;
          }
        },
        batch: (operations, options) => {
          if (operations.some((operation) => toHex(operation.key) === key)) isDamaged = false;
          return memory.batch(operations, options);
        },
      };
      const again = await ChainStore.open(rotten, genesis);
      expect(again.resumes).toEqual([{ ...resume, height: tip.height, journalFrom: 0 }]);
      expect(again.height).toBe(4n);
    });

    it("RESUME-8: what could be mistaken for the opened epoch's goes, the rest of the archive stays", async () => {
      const store = createMemoryStore();
      const { chain, headers } = await filled(store, 3);
      const nullified = (epochOf: bigint): Certificate.Certificate => ({
        vote: Vote.nullify(Epoch(epochOf), View(2n)),
        absent: Uint8Array.of(0),
        signature: new Uint8Array(48).fill(1),
      });
      await chain.saveCertificates([nullified(1n), nullified(6n), nullified(7n)], true);
      const pending = tx("a block that never became final");
      await chain.saveCandidate(Epoch(6n), View(1n), pending, Uint8Array.of(1));
      const tip = headers[3] ?? genesis;
      const theirs = finalization(headers[2] ?? genesis);
      await chain.saveFork({ mine: finalization(tip), theirs });
      expect(await (await ChainStore.open(store, genesis)).fork()).toEqual({ mine: finalization(tip), theirs });
      const taken = {
        ...{ epoch: Epoch(6n), block: Header.hash(tip), committee: CommitteeId(2n) },
        ...{ height: tip.height, journalFrom: 77 },
      };
      await chain.takeResume(taken);
      for (const same of [chain, await ChainStore.open(store, genesis)]) {
        expect(same.resumes).toEqual([taken]);
        expect(await same.certificate(epoch, View(2n), "nullify")).toEqual(nullified(1n));
        expect(await same.certificate(Epoch(6n), View(2n), "nullify")).toBeUndefined();
        expect(await same.certificate(Epoch(7n), View(2n), "nullify")).toBeUndefined();
        expect(await same.payload(pending)).toBeUndefined();
        expect(await same.payload(Header.hash(tip))).toEqual(Uint8Array.of(3));
        expect(await same.fork()).toBeUndefined();
      }
      // A fork of what was ended is none.
      await chain.saveFork({ mine: undefined, theirs });
      expect(await chain.fork()).toBeUndefined();
    });

    it("RESUME-6: what follows begins with the resumed epoch, and with its part of the journal", async () => {
      const { chain, headers } = await filled(createMemoryStore(), 3);
      const tip = headers[3] ?? genesis;
      expect(beginningOf(chain, genesis)).toEqual({ epoch: tip.epoch, committee: tip.committee, journalFrom: 0 });
      const taken = {
        ...{ epoch: Epoch(6n), block: Header.hash(tip), committee: CommitteeId(2n) },
        ...{ height: tip.height, journalFrom: 77 },
      };
      await chain.takeResume(taken);
      expect(beginningOf(chain, genesis)).toEqual({ epoch: 6n, committee: 2n, journalFrom: 77 });
    });
  });

  it("ETH-14: keeps what the light client was when it was read last", async () => {
    const store = createMemoryStore();
    const chain = await ChainStore.open(store, genesis);
    expect(await chain.lightClient()).toBeUndefined();
    for (const state of ["live", "frozen", "expired"] as const) {
      await chain.saveLightClient(state);
      expect(await (await ChainStore.open(store, genesis)).lightClient()).toBe(state);
    }
  });
});
