import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { equalBytes } from "../../src/codec/hex.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import { commit } from "../../src/dispersal/dispersal.ts";
import { ChainStore } from "../../src/engine/chainStore.ts";
import { membership } from "../../src/engine/membership.ts";
import { withHashes } from "../../src/engine/openedPayload.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import type { Domain } from "../../src/protocol/Domain.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { CommitteeId, Epoch, Height, NamespaceId, NO_COMMITTEE, View } from "../../src/protocol/scalars.ts";
import * as Transaction from "../../src/protocol/Transaction.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { openDiskStore } from "../../src/storage/diskStore.ts";

/** A chain as a committee would have made it: every block signed by a quorum with the members' own keys. */
export interface LongChain {
  readonly blocks: number;
  /** Data of the transactions of one block, in bytes; each has at most `TRANSACTION_BYTES`. */
  readonly payloadBytes: number;
  readonly config: ClusterConfig;
  readonly domain: Domain & { readonly salt: Hash };
  readonly committee: Committee.Committee;
  /** 32 bytes each, of all members in any order. */
  readonly secretKeys: readonly Uint8Array[];
  readonly anchor: { readonly number: bigint; readonly hash: Hash };
}

const TRANSACTION_BYTES = 512;
const NAMESPACE = NamespaceId(901_001n);
const BLOCK_MS = 1_000n;

/** How far back genesis must lie for a chain of so many blocks. */
export function chainAgeMs(blocks: number): number {
  return (blocks + 60) * Number(BLOCK_MS);
}

/** Writes the chain into an empty data directory; nothing is synced. Returns the hash of its last block. */
export async function writeLongChain(path: string, plan: LongChain): Promise<Hash> {
  const { config, committee } = plan;
  const bls = await createMclBls();
  const store = await openDiskStore(path);
  const genesis = Genesis.header(config);
  const chain = await ChainStore.open(
    { ...store, batch: (operations) => store.batch(operations, { sync: false }) },
    genesis,
  );
  await chain.saveCommittee(committee);
  const quorum = quorumOf(plan, (secretKey) => bls.publicKey(secretKey));
  const { layout } = membership(Epoch(1n), committee, config, undefined);
  let parent = genesis;
  let history = History.append(History.EMPTY, Header.hash(genesis));
  for (let number = 1; number <= plan.blocks; number++) {
    const payload = payloadOf(plan.payloadBytes);
    const bytes = Payload.encode(payload);
    const header = next(plan, parent, history, {
      payload: commit(bytes, layout),
      namespaces: NamespaceTable.root(Payload.table(payload)),
    });
    const hash = Header.hash(header);
    const vote = Vote.finalize(header.epoch, header.viewNumber, hash);
    const digest = Vote.digest(vote, plan.domain);
    const votes = quorum.map(({ signer, secretKey }) => ({
      vote,
      signer,
      signature: bls.sign(secretKey, digest, "vote"),
    }));
    const certificate = expectPresent(
      Certificate.fromVotes(vote, votes, committee.members.length, bls),
      "a certificate of own signatures",
    );
    history = History.append(history, hash);
    await chain.saveCandidate(header.epoch, header.viewNumber, hash, bytes);
    const { namespaces } = withHashes(bytes, payload);
    await chain.append([{ header, payloadLengthBytes: bytes.length, namespaces }], certificate, history);
    parent = header;
  }
  await store.close();
  return Header.hash(parent);
}

function quorumOf({ committee, secretKeys }: LongChain, publicKey: (secretKey: Uint8Array) => Uint8Array) {
  const members = secretKeys.map((secretKey) => {
    const key = publicKey(secretKey);
    return { secretKey, signer: committee.members.findIndex((member) => equalBytes(member.key, key)) };
  });
  const needed = Committee.quorum(Committee.totalWeight(committee));
  let weight = 0n;
  return members.filter(({ signer }) => {
    const isNeeded = weight < needed;
    if (isNeeded) weight += Committee.member(committee, signer).weight;
    return isNeeded;
  });
}

function payloadOf(payloadBytes: number): Payload.Payload {
  const transactions: Transaction.Transaction[] = [];
  for (let left = payloadBytes; left > 0; left -= TRANSACTION_BYTES) {
    transactions.push(Transaction.plain(NAMESPACE, systemRandom.bytes(Math.min(TRANSACTION_BYTES, left))));
  }
  return Payload.fromTransactions(transactions);
}

function next(
  { config, anchor, committee }: LongChain,
  parent: Header.Header,
  history: History.History,
  roots: Pick<Header.Header, "payload" | "namespaces">,
): Header.Header {
  const height = Height(parent.height + 1n);
  const begins = Header.isHandover(parent);
  const epoch = begins ? Epoch(parent.epoch + 1n) : parent.epoch;
  const isLast = height === epoch * BigInt(config.epochLength);
  return {
    height,
    epoch,
    viewNumber: begins ? View(1n) : View(parent.viewNumber + 1n),
    committee: committee.id,
    timestamp: parent.timestamp + BLOCK_MS,
    parent: Header.hash(parent),
    history: History.root(history),
    ...roots,
    l1Number: anchor.number,
    l1Hash: anchor.hash,
    nextCommittee: isLast ? CommitteeId(committee.id) : NO_COMMITTEE,
    proposer: 0,
  };
}
