import { keccak256, toBeHex } from "ethers";

import { fromHex, toHex } from "../../src/codec/hex.ts";
import * as merkle from "../../src/crypto/merkle.ts";
import { hashFromBytes } from "../../src/crypto/hash.ts";
import * as HistoryTree from "../../src/lightclient/historyTree.ts";
import { memoryHashLog } from "../../src/lightclient/memoryHashLog.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import { NamespaceId } from "../../src/protocol/scalars.ts";
import { hashHeader, makeHeader, type TestHeader, word } from "../../test/contracts/support/header.ts";
import * as client from "../../test/contracts/support/lightClient.ts";
import { type Connection, gasOf, type Measurements, type Price } from "./measurement.ts";

const BLOCKS = 1_000_000;
const NAMESPACES = 100;
const TRANSACTIONS = 100;
/** An EIP-1559 transfer with signature takes about this many bytes. */
const TRANSACTION_BYTES = 118;
const BLOCK = 1;
const NAMESPACE_INDEX = 50;
const TRANSACTION_INDEX = 50;

/** Proofs about block 1 at a checkpoint 10^6 blocks later: the whole tree of block hashes is made. */
export async function measure(connection: Connection): Promise<Measurements> {
  const world = await client.deployWorld(connection.ethers);
  const committee = await client.addCommittee(world, { weights: [1, 1, 1, 1] });
  const verifier = await connection.ethers.deployContract("ConfirmationVerifier", [world.lightClient.target]);
  const caller = await connection.ethers.deployContract("ConfirmationHarness", [world.lightClient.target]);

  const { entries, envelopes } = contents();
  const header = makeHeader({
    height: BigInt(BLOCK),
    timestamp: 1_700_000_000_123n,
    namespaces: NamespaceTable.root(entries),
  });
  const { root, proof } = await history(header);
  const tip = await client.headerNow(world, {
    height: BigInt(BLOCK + BLOCKS),
    epoch: BigInt(BLOCK + BLOCKS) / client.PARAMETERS.epochLength + 1n,
    viewNumber: 77n,
    history: root,
  });
  await world.lightClient.advance(tip, client.finalization(world, committee, tip));
  const checkpoint = client.checkpointOf(tip, await client.now(world));
  const position = await world.lightClient.LATEST_POSITION();
  const blockProof = { header, checkpoint, position, history: proof };
  const entry = entries[NAMESPACE_INDEX];
  const envelope = envelopes[TRANSACTION_INDEX];
  if (entry === undefined || envelope === undefined) throw new Error("no such entry or transaction");
  const namespaceProof = {
    entry,
    index: BigInt(NAMESPACE_INDEX),
    size: BigInt(NAMESPACES),
    proof: pathOf(entries.map(NamespaceTable.leaf), NAMESPACE_INDEX),
  };
  const [before, next] = [entries[NAMESPACE_INDEX - 1], entries[NAMESPACE_INDEX]];
  if (before === undefined || next === undefined) throw new Error("no neighbours");
  const absenceProof = {
    namespace: entry.namespace - 1n,
    size: BigInt(NAMESPACES),
    next: BigInt(NAMESPACE_INDEX),
    before,
    beforeProof: pathOf(entries.map(NamespaceTable.leaf), NAMESPACE_INDEX - 1),
    after_: next,
    afterProof: pathOf(entries.map(NamespaceTable.leaf), NAMESPACE_INDEX),
  };
  const transactionProof = { envelope, index: BigInt(TRANSACTION_INDEX), proof: pathOf(envelopes, TRANSACTION_INDEX) };

  const signer = (await connection.ethers.getSigners())[0];
  if (signer === undefined) throw new Error("no account");
  const send = async (call: Promise<{ to: string; data: string }>): Promise<Price> =>
    gasOf(connection, signer.sendTransaction(await call));
  const shape = `blocks=${String(BLOCKS)}`;
  return {
    [`ConfirmationVerifier.namespace/${shape}`]: await send(
      verifier.verifyNamespace.populateTransaction(blockProof, namespaceProof),
    ),
    [`ConfirmationVerifier.block/${shape}`]: await send(verifier.verifyBlock.populateTransaction(blockProof)),
    [`ConfirmationVerifier.absence/${shape}`]: await send(
      verifier.verifyAbsence.populateTransaction(blockProof, absenceProof),
    ),
    [`ConfirmationVerifier.transaction/${shape}`]: await send(
      verifier.verifyTransaction.populateTransaction(blockProof, namespaceProof, transactionProof),
    ),
    [`ConfirmationVerifier.allTransactions/${shape}`]: await send(
      verifier.verifyAllTransactions.populateTransaction(blockProof, namespaceProof, envelopes),
    ),
    [`Confirmation.namespace/${shape}/execution`]: {
      osaka: Number(await caller.namespaceGas(blockProof, namespaceProof)),
    },
    [`Confirmation.transaction/${shape}/execution`]: {
      osaka: Number(await caller.transactionGas(blockProof, namespaceProof, transactionProof)),
    },
  };
}

function contents(): { entries: NamespaceTable.Entry[]; envelopes: Uint8Array[] } {
  const envelopes = Array.from({ length: TRANSACTIONS }, (_, index) => {
    const hash = fromHex(keccak256(toBeHex(index, 32)));
    return Uint8Array.from({ length: TRANSACTION_BYTES }, (__, at) =>
      at === 0 ? 0 : ((hash[at % 32] ?? 0) + at) & 0xff,
    );
  });
  const entries = Array.from({ length: NAMESPACES }, (_, index) => ({
    namespace: NamespaceId(BigInt(10_000 + 7 * index)),
    txCount: BigInt(TRANSACTIONS),
    txRoot:
      index === NAMESPACE_INDEX
        ? NamespaceTable.txRoot(envelopes)
        : hashFromBytes(fromHex(word(`root ${String(index)}`))),
  }));
  return { entries, envelopes };
}

function pathOf(leaves: readonly Uint8Array[], index: number): string[] {
  return merkle.proof(leaves.map(merkle.leafHash), index).map(toHex);
}

/** The tree over block hashes 0 to 10^6, of which only number 1 is a real header's. */
async function history(header: TestHeader): Promise<{ root: string; proof: string[] }> {
  const log = memoryHashLog();
  const size = BLOCK + BLOCKS;
  for (let from = 0; from < size; from += HistoryTree.APPEND_LEAVES_MAX) {
    const count = Math.min(HistoryTree.APPEND_LEAVES_MAX, size - from);
    const hashes = Array.from({ length: count }, (_, index) => {
      const height = from + index;
      if (height === BLOCK) return fromHex(hashHeader(header));
      const hash = new Uint8Array(32);
      new DataView(hash.buffer).setUint32(28, height);
      return hash;
    });
    await HistoryTree.append(log, from, hashes);
  }
  return {
    root: toHex(await HistoryTree.root(log, size)),
    proof: (await HistoryTree.prove(log, BLOCK, size)).map(toHex),
  };
}
