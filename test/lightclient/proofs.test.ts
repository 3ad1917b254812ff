import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { hashBytes, hashFromBytes, keccakHash } from "../../src/crypto/hash.ts";
import * as Merkle from "../../src/crypto/merkle.ts";
import * as Confirmation from "../../src/lightclient/confirmation.ts";
import * as L1Proofs from "../../src/lightclient/l1Proofs.ts";
import * as Proofs from "../../src/lightclient/proofs.ts";
import type * as Header from "../../src/protocol/Header.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import { Chain, genesis, makeCommittee } from "../api/chain.ts";

const envelopesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => Uint8Array.of(0, i));

/** A table of the given ids, each with one to three transactions. */
function tableOf(ids: readonly bigint[]): NamespaceTable.NamespaceTable {
  return [...new Set(ids)]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((id) => {
      const envelopes = envelopesOf(Number(id % 3n) + 1);
      return {
        namespace: NamespaceId(id),
        txCount: BigInt(envelopes.length),
        txRoot: NamespaceTable.txRoot(envelopes),
      };
    });
}

const headerOf = (table: NamespaceTable.NamespaceTable): Header.Header => ({
  ...genesis,
  namespaces: NamespaceTable.root(table),
});

const id = fc.bigInt({ min: 0n, max: 40n }).map(NamespaceId);
const ids = fc.array(id, { maxLength: 20 });

describe("namespaces", () => {
  it("LC-11, LC-12: of any table every id is proven present or absent, and never both", () => {
    fc.assert(
      fc.property(ids, id, (all, asked) => {
        const table = tableOf(all);
        const header = headerOf(table);
        const proof = Proofs.proveNamespace(table, asked);
        expect(proof.kind).toBe(all.includes(asked) ? "present" : "absent");
        if (proof.kind === "present") {
          expect(Proofs.verifyPresence(header, asked, proof)).toBe(true);
          expect(Proofs.verifyPresence(header, NamespaceId(asked + 1n), proof)).toBe(false);
          const { entry, index, path, size } = proof;
          const row = { entry, index, path };
          const lies: Proofs.NamespaceAbsence[] = [
            { kind: "absent", size, left: row },
            { kind: "absent", size, right: row },
            { kind: "absent", size, left: row, right: row },
            { kind: "absent", size },
          ];
          for (const lie of lies) expect(Proofs.verifyAbsence(header, asked, lie)).toBe(false);
        } else {
          expect(Proofs.verifyAbsence(header, asked, proof)).toBe(true);
        }
      }),
    );
  });

  it("LC-12: a present id is not absent, whichever two rows are shown", () => {
    const table = tableOf([1n, 3n, 5n, 7n, 9n]);
    const header = headerOf(table);
    const rows = table.map(({ namespace }) => {
      const proof = Proofs.proveNamespace(table, namespace);
      if (proof.kind !== "present") throw new Error("in the table");
      const { entry, index, path } = proof;
      return { entry, index, path };
    });
    const shown = [undefined, ...rows];
    for (const left of shown) {
      for (const right of shown) {
        const proof: Proofs.NamespaceAbsence = {
          kind: "absent",
          size: 5n,
          ...(left && { left }),
          ...(right && { right }),
        };
        expect(Proofs.verifyAbsence(header, NamespaceId(5n), proof)).toBe(false);
        for (const size of [0n, 4n, 6n])
          expect(Proofs.verifyAbsence(header, NamespaceId(4n), { ...proof, size })).toBe(false);
      }
    }
  });

  it("LC-11: the size is bound: no inner node passes as a row of a smaller table", () => {
    const table = tableOf([1n, 2n, 3n, 4n]);
    const header = headerOf(table);
    const proof = Proofs.proveNamespace(table, NamespaceId(2n));
    if (proof.kind !== "present") throw new Error("in the table");
    for (const change of [{ size: 3n }, { size: 5n }, { index: 0n }, { index: 4n }, { path: proof.path.slice(1) }]) {
      expect(Proofs.verifyPresence(header, NamespaceId(2n), { ...proof, ...change })).toBe(false);
    }
  });
});

describe("transactions", () => {
  it("LC-13, LC-14: every transaction is proven at its place and at no other, and the list only as a whole", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (count, pick, other) => {
        const envelopes = envelopesOf(count);
        const entry = { namespace: NamespaceId(1n), txCount: BigInt(count), txRoot: NamespaceTable.txRoot(envelopes) };
        const index = pick % count;
        const envelope = envelopes[index] ?? new Uint8Array(0);
        const proof = Proofs.proveTransaction(envelopes, index);
        expect(Proofs.verifyTransaction(entry, envelope, proof)).toBe(true);
        expect(Proofs.verifyTransaction(entry, Uint8Array.of(1), proof)).toBe(false);
        const elsewhere = BigInt(other % (count + 2));
        const moved = Proofs.verifyTransaction(entry, envelope, { ...proof, index: elsewhere });
        expect(moved).toBe(elsewhere === BigInt(index));
        expect(Proofs.verifyWhole(entry, envelopes)).toBe(true);
        expect(Proofs.verifyWhole(entry, envelopes.slice(1))).toBe(false);
        expect(Proofs.verifyWhole(entry, [...envelopes, envelope])).toBe(false);
        if (count > 1) expect(Proofs.verifyWhole(entry, [...envelopes].reverse())).toBe(false);
      }),
    );
  });
});

describe("history", () => {
  it("LC-10: a block is in the chain of its head at its own height only", () => {
    const chain = new Chain([makeCommittee(1)]);
    for (let i = 0; i < 9; i++) chain.append([], false);
    const head = chain.at(7).header;
    const hashes = chain.blocks.slice(0, 7).map(({ hash }) => Merkle.leafHash(hashBytes(hash)));
    for (const { header } of chain.blocks) {
      const height = Number(header.height);
      const path = height < 7 ? Merkle.proof(hashes, height).map(hashFromBytes) : [];
      expect(Proofs.verifyHistory(head, header, path)).toBe(height < 7);
      expect(Proofs.verifyHistory(head, header, undefined)).toBe(height === 7);
      expect(Proofs.verifyHistory(head, { ...header, proposer: 99 }, path)).toBe(false);
    }
  });
});

describe("L1 form", () => {
  it("gives absence as the contract reads it: `next` is the first entry above, unlooked-at entries are zero", () => {
    const table = tableOf([10n, 20n]);
    const absence = (asked: bigint): L1Proofs.AbsenceProof => {
      const proof = Proofs.proveNamespace(table, NamespaceId(asked));
      if (proof.kind !== "absent") throw new Error("not in the table");
      return L1Proofs.absenceProof(NamespaceId(asked), proof);
    };
    expect(absence(5n)).toMatchObject({ next: 0n, size: 2n, before: { txCount: 0n }, after_: { namespace: 10n } });
    expect(absence(15n)).toMatchObject({ next: 1n, before: { namespace: 10n }, after_: { namespace: 20n } });
    expect(absence(25n)).toMatchObject({ next: 2n, before: { namespace: 20n }, after_: { txCount: 0n } });
    expect(L1Proofs.absenceProof(NamespaceId(1n), { kind: "absent", size: 0n })).toMatchObject({ next: 0n, size: 0n });
  });
});

describe("bundles", () => {
  it("LC-18: a part that was not submitted as one is no part", () => {
    const envelope = Uint8Array.of(0, 1);
    const table = [{ namespace: NamespaceId(1n), txCount: 1n, txRoot: NamespaceTable.txRoot([envelope]) }];
    const namespace = Proofs.proveNamespace(table, NamespaceId(1n));
    if (namespace.kind !== "present") throw new Error("in the table");
    const part = { namespace, transaction: Proofs.proveTransaction([envelope], 0), envelope };
    const header = headerOf(table);
    const finalized = new Chain([makeCommittee(1)]);
    finalized.append();
    const [proven] = finalized.finalizations.values();
    if (proven === undefined) throw new Error("block 1 is final");
    const bundle = keccakHash(Uint8Array.of(1));
    expect(Confirmation.verifyInclusion(header, NamespaceId(1n), part)).toEqual({ ok: true });
    expect(Confirmation.verifyBundle({ header, finalized: proven, bundle, parts: [part, part] })).toMatchObject({
      ok: false,
      fault: { code: "wrong-bundle" },
    });
  });
});
