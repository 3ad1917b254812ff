import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { hashBytes, hashFromBytes, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import * as Merkle from "../../src/crypto/merkle.ts";
import * as LightClient from "../../src/lightclient/lightClient.ts";
import * as L1Proofs from "../../src/lightclient/l1Proofs.ts";
import * as Proofs from "../../src/lightclient/proofs.ts";
import type * as Header from "../../src/protocol/Header.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import { revertOf } from "./contracts.ts";
import { Twin } from "./twins.ts";

/** Proofs by TypeScript beside `ConfirmationVerifier`: random ones, most of them mutated, and both must agree on each. */

const BLOCKS = 9;
const NAMESPACES_MAX = 8;
/** The verifier's own errors; anything else is no refusal. */
const REFUSAL = /^(Confirmation|Merkle)/;

const mutation = fc.record({
  height: fc.nat({ max: BLOCKS }),
  asked: fc.nat({ max: 2 * NAMESPACES_MAX }),
  kind: fc.nat({ max: 13 }),
  a: fc.nat({ max: 99 }),
});
type Case = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

const noise = (seed: number): Hash => keccakHash(Uint8Array.of(seed));

function changed(path: Proofs.Path, { kind, a }: Case): Proofs.Path {
  if (kind === 1) return path.slice(1);
  if (kind === 2) return [...path, noise(a)];
  if (kind === 3) return path.map((node, index) => (index === a % path.length ? noise(a) : node));
  return path;
}

/** A row and the table's size, mutated in one place. */
function mutatedRow<T extends Proofs.NamespaceRow>(row: T, each: Case): T {
  const { kind, a } = each;
  const { entry } = row;
  const other = {
    ...entry,
    ...(kind === 4 && { txCount: entry.txCount + 1n }),
    ...(kind === 5 && { txRoot: noise(a) }),
    ...(kind === 6 && { namespace: NamespaceId(entry.namespace + BigInt(a % 3)) }),
  };
  return { ...row, entry: other, path: changed(row.path, each), index: kind === 7 ? BigInt(a % 10) : row.index };
}

describe("proofs and their twin", () => {
  let twin: Twin;
  let head: Header.Header;

  beforeAll(async () => {
    twin = await Twin.start([[1, 1, 1, 1]]);
    for (let height = 1; height <= BLOCKS; height++) {
      const payload: Payload.Payload = Array.from({ length: (height * 5) % (NAMESPACES_MAX + 1) }, (_, index) => ({
        namespace: NamespaceId(BigInt(2 * index + 1)),
        envelopes: Array.from({ length: 1 + ((index * height) % 5) }, (_, at) => Uint8Array.of(0, height, index, at)),
      }));
      twin.chain.append(payload);
    }
    ({ header: head } = twin.finalizationAt(BLOCKS));
    expect(await twin.advance(twin.finalizationAt(BLOCKS))).toBeUndefined();
  });

  function historyOf(height: number): Proofs.Path | undefined {
    if (height === BLOCKS) return undefined;
    const leaves = twin.chain.blocks.slice(0, BLOCKS).map(({ hash }) => Merkle.leafHash(hashBytes(hash)));
    return Merkle.proof(leaves, height).map(hashFromBytes);
  }

  function blockProof(header: Header.Header, path: Proofs.Path | undefined): L1Proofs.BlockProof {
    const { latest } = twin.state;
    return { header, checkpoint: latest, position: LightClient.LATEST_POSITION, history: [...(path ?? [])] };
  }

  /** What the contract says; it must say it by an error of its own. */
  async function onL1(call: Promise<unknown>): Promise<boolean> {
    const error = await revertOf(call.then(() => ({ wait: async () => Promise.resolve() })));
    if (error !== undefined) expect(error).toMatch(REFUSAL);
    return error === undefined;
  }

  async function agree(run: (each: Case) => Promise<readonly [boolean, boolean]>): Promise<void> {
    const said = { yes: 0, no: 0 };
    await fc.assert(
      fc.asyncProperty(mutation, async (each) => {
        const [here, there] = await run(each);
        expect(here).toBe(there);
        said[here ? "yes" : "no"]++;
      }),
      { numRuns: 150, seed: 11 },
    );
    expect(Math.min(said.yes, said.no)).toBeGreaterThan(10);
  }

  it("LC-10: agree on which block is in the history of a checkpoint", async () => {
    const { verifier } = twin.contracts;
    await agree(async (each) => {
      const { header } = twin.chain.at(each.height);
      const given = each.kind === 4 ? { ...header, proposer: header.proposer + 1 } : header;
      const path = historyOf(each.height);
      const shown = path === undefined ? undefined : changed(path, each);
      const moved = each.kind === 5 ? { ...given, height: twin.chain.at(each.a % BLOCKS).header.height } : given;
      return [Proofs.verifyHistory(head, moved, shown), await onL1(verifier.verifyBlock(blockProof(moved, shown)))];
    });
  });

  it("LC-11: LC-12: agree on what is present and what is absent", async () => {
    const { verifier } = twin.contracts;
    await agree(async (each) => {
      const { header, payload } = twin.chain.at(each.height);
      const block = blockProof(header, historyOf(each.height));
      const asked = NamespaceId(BigInt(each.asked));
      const proof = Proofs.proveNamespace(Payload.table(payload), asked);
      const size = each.kind === 8 ? BigInt(each.a % 10) : proof.size;
      if (proof.kind === "present") {
        const shown = { ...mutatedRow(proof, each), size };
        return [
          Proofs.verifyPresence(header, shown.entry.namespace, shown),
          await onL1(verifier.verifyNamespace(block, L1Proofs.namespaceProof(shown))),
        ];
      }
      const { left, right } = proof;
      // The rows stand beside each other by their place on L1, so only what they say is mutated.
      const alike = each.kind === 7 ? { ...each, kind: 0 } : each;
      const about = each.kind === 9 ? NamespaceId(BigInt(each.a % 20)) : asked;
      const shown: Proofs.NamespaceAbsence = {
        kind: "absent",
        size,
        ...(left && { left: mutatedRow(left, alike) }),
        ...(right && { right: mutatedRow(right, alike) }),
      };
      const isShown =
        (shown.left?.index ?? -1n) + 1n <= size && (size === 0n) === (left === undefined && right === undefined);
      if (!isShown) return [false, false];
      return [
        Proofs.verifyAbsence(header, about, shown),
        await onL1(verifier.verifyAbsence(block, L1Proofs.absenceProof(about, shown))),
      ];
    });
  });

  it("LC-13: LC-14: agree on a transaction and on a whole namespace", async () => {
    const { verifier } = twin.contracts;
    await agree(async (each) => {
      const { header, payload } = twin.chain.at(each.height);
      const share = payload[each.asked % Math.max(payload.length, 1)];
      if (share === undefined) return [false, false];
      const block = blockProof(header, historyOf(each.height));
      const proof = Proofs.proveNamespace(Payload.table(payload), share.namespace);
      if (proof.kind !== "present") throw new Error("in the table");
      const namespace = L1Proofs.namespaceProof(proof);
      if (each.a % 2 === 0) {
        const lists = [
          share.envelopes,
          share.envelopes.slice(1),
          [...share.envelopes].reverse(),
          [...share.envelopes, Uint8Array.of(0)],
        ];
        const list = lists[each.kind % lists.length] ?? [];
        return [
          Proofs.verifyWhole(proof.entry, list),
          await onL1(verifier.verifyAllTransactions(block, namespace, list.map(toHex))),
        ];
      }
      const index = each.a % share.envelopes.length;
      const right = Proofs.proveTransaction(share.envelopes, index);
      const shown = { path: changed(right.path, each), index: each.kind === 4 ? BigInt(each.a % 7) : right.index };
      const envelope = each.kind === 5 ? Uint8Array.of(0, each.a) : (share.envelopes[index] ?? new Uint8Array(0));
      return [
        Proofs.verifyTransaction(proof.entry, envelope, shown),
        await onL1(verifier.verifyTransaction(block, namespace, L1Proofs.transactionProof(envelope, shown))),
      ];
    });
  });
});
