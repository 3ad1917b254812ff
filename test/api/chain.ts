import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { hashBytes, hashFromBytes, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as ClusterConfig from "../../src/protocol/ClusterConfig.ts";
import type * as Committee from "../../src/protocol/Committee.ts";
import type { Domain } from "../../src/protocol/Domain.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import * as NamespaceTable from "../../src/protocol/NamespaceTable.ts";
import * as Payload from "../../src/protocol/Payload.ts";
import { CommitteeId, Epoch, Height, NO_COMMITTEE, ValidatorId, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";

/**
 * A real chain made by hand: real headers, payloads, histories and certificates signed by real BLS keys. It decides
 * nothing; consensus is tested elsewhere.
 */

export const bls = await createMclBls();

export const EPOCH_LENGTH = 10;
export const GENESIS_MS = 1_790_000_000_000;
export const BLOCK_MS = 500;

export const config = ClusterConfig.parse({
  name: "test",
  l1ChainId: 31337,
  genesisTimeMs: GENESIS_MS,
  epochLength: EPOCH_LENGTH,
  deltaMs: 500,
  emptyBlockDelayMs: 100,
  timeoutGrowthPercent: 150,
  timeoutMaxMs: 10_000,
  skipTimeoutMs: 5_000,
  maxClockDriftMs: 2_000,
  maxAnchorLag: 64,
  l1Finality: { mode: "depth", depth: 2 },
  voteWindow: 16,
  inlinePayloadBytesMax: 1024,
  shards: [],
  limits: { transactionBytesMax: 4096, transactionsMax: 1000, namespacesMax: 100, payloadBytesMax: 65_536 },
});

export const genesis = Genesis.header(config);
export const domain: Domain = {
  chainId: 31337n,
  stakeTable: "0x00000000000000000000000000000000000057ab",
  salt: Header.hash(genesis),
};

export interface SecretCommittee {
  readonly committee: Committee.Committee;
  readonly secrets: readonly Uint8Array[];
}

function secretKey(seed: string): Uint8Array {
  const key = hashBytes(keccakHash(new TextEncoder().encode(seed)));
  key[0] = 0;
  return key;
}

/** A committee whose members all have weight 100. */
export function makeCommittee(id: number, size = 4): SecretCommittee {
  const secrets = Array.from({ length: size }, (_, seat) => secretKey(`committee ${String(id)} seat ${String(seat)}`));
  const members = secrets.map((secret, seat) => ({
    validator: ValidatorId(BigInt(100 * id + seat)),
    seat,
    key: bls.publicKey(secret),
    weight: 100n,
    transportKey: new Uint8Array(32).fill(seat + 1),
    address: `/ip4/127.0.0.1/tcp/${String(9000 + seat)}`,
  }));
  const committee: Committee.Committee = {
    id: CommitteeId(BigInt(id)),
    members,
    randomness: keccakHash(Uint8Array.of(id)),
    createdNumber: BigInt(10 * id),
    createdAt: BigInt(GENESIS_MS / 1000 + id),
  };
  return { committee, secrets };
}

/** The certificate of `vote` by the members `signers` (all but the last by default). */
export function certify(
  vote: Vote.Vote,
  { committee, secrets }: SecretCommittee,
  signers?: readonly number[],
  at: Domain = domain,
): Certificate.Certificate {
  const present = signers ?? secrets.map((_, index) => index).slice(0, -1);
  const digest = Vote.digest(vote, at);
  const votes = present.map((signer) => {
    const secret = secrets[signer];
    if (secret === undefined) throw new Error(`no member ${String(signer)}`);
    return { vote, signer, signature: bls.sign(secret, digest, "vote") };
  });
  const certificate = Certificate.fromVotes(vote, votes, committee.members.length, bls);
  if (certificate === undefined) throw new Error("own signatures aggregate");
  return certificate;
}

/** The finalization of a header, in a later view than its own where `view` is given. */
export function finalize(
  header: Header.Header,
  signers: SecretCommittee,
  view = header.viewNumber,
  at: Domain = domain,
): FinalizedHeader {
  const certificate = certify(Vote.finalize(header.epoch, view, Header.hash(header)), signers, undefined, at);
  if (!Certificate.isFinalization(certificate)) throw new Error("a finalize vote makes a finalization");
  return { header, certificate };
}

export interface ChainBlock {
  readonly header: Header.Header;
  readonly hash: Hash;
  readonly payload: Payload.Payload;
}

/** Grows block by block; committees follow each other at handovers as `committees` says (epoch e has number e - 1). */
export class Chain {
  readonly blocks: ChainBlock[] = [{ header: genesis, hash: Header.hash(genesis), payload: [] }];
  readonly finalizations = new Map<bigint, FinalizedHeader>();
  readonly committees: readonly SecretCommittee[];
  readonly domain: Domain;
  #history = History.append(History.EMPTY, Header.hash(genesis));

  constructor(committees: readonly SecretCommittee[], at: Domain = domain) {
    this.committees = committees;
    this.domain = at;
  }

  get tip(): ChainBlock {
    return this.at(this.blocks.length - 1);
  }

  at(height: number | bigint): ChainBlock {
    const block = this.blocks[Number(height)];
    if (block === undefined) throw new Error(`no block ${String(height)}`);
    return block;
  }

  /** Who votes in an epoch; the last committee serves for ever. */
  committeeOf(epoch: bigint): SecretCommittee {
    const found = this.committees[Number(epoch) - 1] ?? this.committees.at(-1);
    if (found === undefined) throw new Error("a chain needs a committee");
    return found;
  }

  /** The block that would come next. */
  next(payload: Payload.Payload = []): ChainBlock {
    const { tip } = this;
    const height = tip.header.height + 1n;
    const epoch = (height - 1n) / BigInt(EPOCH_LENGTH) + 1n;
    const isHandover = height % BigInt(EPOCH_LENGTH) === 0n;
    const header: Header.Header = {
      height: Height(height),
      epoch: Epoch(epoch),
      viewNumber: View(((height - 1n) % BigInt(EPOCH_LENGTH)) + 1n),
      committee: this.committeeOf(epoch).committee.id,
      timestamp: tip.header.timestamp + BigInt(BLOCK_MS),
      parent: tip.hash,
      history: History.root(this.#history),
      payload: keccakHash(Payload.encode(payload)),
      namespaces: NamespaceTable.root(Payload.table(payload)),
      l1Number: 100n + height,
      l1Hash: hashFromBytes(new Uint8Array(32).fill(7)),
      nextCommittee: isHandover ? this.committeeOf(epoch + 1n).committee.id : NO_COMMITTEE,
      proposer: Number(height % 4n),
    };
    return { header, hash: Header.hash(header), payload };
  }

  /** Appends a block; `certified` says whether it gets a finalization of its own. */
  append(payload: Payload.Payload = [], certified = true): ChainBlock {
    const block = this.next(payload);
    this.blocks.push(block);
    this.#history = History.append(this.#history, block.hash);
    const { header } = block;
    if (certified) this.certify(header);
    return block;
  }

  /** Gives a block a finalization of its own. */
  certify(header: Header.Header): void {
    const finalized = finalize(header, this.committeeOf(header.epoch), header.viewNumber, this.domain);
    this.finalizations.set(header.height, finalized);
  }
}
