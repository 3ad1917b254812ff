import type * as z from "zod";

import { toHex, type Hex } from "../../../src/codec/hex.ts";
import { GROUP_ORDER, secretScalar, toBigEndian } from "../../../src/crypto/bls.ts";
import { nobleBls } from "../../../src/crypto/blsNoble.ts";
import { hashBytes, hashFromBytes, keccakHash, ZERO_HASH, type Hash } from "../../../src/crypto/hash.ts";
import * as Merkle from "../../../src/crypto/merkle.ts";
import type * as Wire from "../../../src/lightclient/wire.ts";
import type { FinalizedHeader } from "../../../src/lightclient/finalizedHeader.ts";
import * as Committee from "../../../src/protocol/Committee.ts";
import type { Domain } from "../../../src/protocol/Domain.ts";
import * as Header from "../../../src/protocol/Header.ts";
import * as History from "../../../src/protocol/History.ts";
import { CommitteeId, Epoch, Height, View } from "../../../src/protocol/scalars.ts";
import * as Resume from "../../../src/protocol/Resume.ts";
import { expectPresent } from "../../../src/runtime/assert.ts";
import * as Vote from "../../../src/protocol/Vote.ts";

/** Who signs in one committee, in committee order. */
export interface Signers {
  readonly committee: bigint;
  readonly secretKeys: readonly Uint8Array[];
}

export interface ChainOptions {
  readonly chainId: bigint;
  readonly stakeTable: Hex;
  readonly salt: Hash;
  readonly epochLength: bigint;
  readonly signers: Signers;
  /** L1 anchor of the next block. */
  readonly l1Number: () => bigint;
  /** Header time, ms; a minute ago and a millisecond a block unless given. */
  readonly nowMs?: () => number;
}

/**
 * A chain that a committee really signed, as far as L1 looks: heights, epochs, committees, history and certificates.
 * Payloads, which L1 does not see, are a hash of the height.
 */
export class TestChain {
  readonly #options: ChainOptions;
  readonly #domain: Domain;
  readonly #finalized: FinalizedHeader[];
  /** Block hashes from the genesis on. */
  readonly #hashes: Hash[];
  #history: History.History;
  #signers: Signers;
  #time: bigint;
  /** Epoch and view of the last block; a resume opens an epoch of its own. */
  #epoch = 1n;
  #view = 0n;

  constructor(options: ChainOptions, trunk?: TestChain) {
    this.#options = options;
    this.#domain = { chainId: options.chainId, stakeTable: options.stakeTable, salt: options.salt };
    this.#finalized = [...(trunk?.finalized() ?? [])];
    this.#hashes = [options.salt, ...this.#finalized.map(({ header }) => Header.hash(header))];
    this.#history = this.#hashes.reduce(History.append, History.EMPTY);
    this.#signers = trunk?.signers ?? options.signers;
    const last = this.#finalized.at(-1)?.header;
    this.#epoch = last?.epoch ?? 1n;
    this.#view = last?.viewNumber ?? 0n;
    // A branch has other times, and so other blocks.
    this.#time = (this.#finalized.at(-1)?.header.timestamp ?? BigInt(Date.now() - 60_000)) + (trunk ? 1n : 0n);
  }

  /** Another future of this chain, signed by the same committee. */
  branch(): TestChain {
    return new TestChain(this.#options, this);
  }

  get signers(): Signers {
    return this.#signers;
  }

  finalized(): readonly FinalizedHeader[] {
    return this.#finalized;
  }

  get height(): bigint {
    return this.#finalized.at(-1)?.header.height ?? 0n;
  }

  newest(): FinalizedHeader | undefined {
    return this.#finalized.at(-1);
  }

  /** The finalization of a height. */
  at(height: bigint): FinalizedHeader | undefined {
    return this.#finalized[Number(height) - 1];
  }

  /** Proof that the block at `height` is in the history that the header of height `size` commits to. */
  historyPath(height: bigint, size: bigint): readonly Hash[] {
    const leaves = this.#hashes.slice(0, Number(size)).map((block) => Merkle.leafHash(hashBytes(block)));
    return Merkle.proof(leaves, Number(height)).map(hashFromBytes);
  }

  handovers(after: bigint): readonly FinalizedHeader[] {
    return this.#finalized.filter(({ header }) => Header.isHandover(header) && header.epoch > after);
  }

  /**
   * Finalizes `count` more blocks; each is signed when somebody looks at its certificate. `next` are the signers from the
   * next epoch on.
   */
  grow(count: number, next?: Signers): void {
    const { epochLength } = this.#options;
    for (let i = 0; i < count; i++) {
      const height = this.height + 1n;
      const due = (height + epochLength - 1n) / epochLength;
      const epoch = due > this.#epoch ? due : this.#epoch;
      this.#view = epoch > this.#epoch ? 1n : this.#view + 1n;
      this.#epoch = epoch;
      const isHandover = height === epoch * epochLength;
      const following = isHandover ? (next ?? this.#signers) : undefined;
      const block = this.#block(height, epoch, following?.committee ?? 0n);
      const blockHash = Header.hash(block.header);
      this.#finalized.push(block);
      this.#hashes.push(blockHash);
      this.#history = History.append(this.#history, blockHash);
      if (following !== undefined) this.#signers = following;
    }
  }

  #block(height: bigint, epoch: bigint, nextCommittee: bigint): FinalizedHeader {
    const { nowMs, l1Number } = this.#options;
    const now = BigInt(nowMs?.() ?? 0);
    this.#time = now > this.#time ? now : this.#time + 1n;
    const filler = keccakHash(new TextEncoder().encode(`block ${height.toString()}`));
    const parent = this.#hashes.at(-1) ?? ZERO_HASH;
    const header: Header.Header = {
      height: Height(height),
      epoch: Epoch(epoch),
      viewNumber: View(this.#view),
      committee: CommitteeId(this.#signers.committee),
      timestamp: this.#time,
      parent,
      history: History.root(this.#history),
      payload: filler,
      namespaces: filler,
      l1Number: l1Number(),
      l1Hash: ZERO_HASH,
      nextCommittee: CommitteeId(nextCommittee),
      proposer: 0,
    };
    const [signers, domain] = [this.#signers, this.#domain];
    let signed: FinalizedHeader["certificate"] | undefined;
    return {
      header,
      get certificate() {
        return (signed ??= certify(header, signers, domain));
      },
    };
  }

  /** The word of `signers` that the chain goes on above its newest block in `epoch`, and what follows from it here. */
  signResume(epoch: bigint, signers: Signers): z.output<typeof Wire.resume> {
    const { header } = expectPresent(this.newest(), "a block to resume above");
    const message = { epoch: Epoch(epoch), block: Header.hash(header), committee: CommitteeId(signers.committee) };
    const { signature, absent } = signTogether(Resume.digest(message, this.#domain), signers);
    [this.#epoch, this.#view, this.#signers] = [epoch, 0n, signers];
    return { message, header, absent, signature };
  }

  /** The present committee's finalization of a header, whatever it says. */
  certify(header: Header.Header): FinalizedHeader["certificate"] {
    return certify(header, this.#signers, this.#domain);
  }
}

function certify(header: Header.Header, signers: Signers, domain: Domain): FinalizedHeader["certificate"] {
  const vote = Vote.finalize(header.epoch, header.viewNumber, Header.hash(header));
  if (vote.kind !== "finalize") throw new Error("not a finalize");
  return { vote, ...signTogether(Vote.digest(vote, domain), signers) };
}

/** Everybody's aggregate: one signature with the sum of the keys is the sum of their signatures, at a quarter of the cost. */
function signTogether(
  digest: Uint8Array,
  { secretKeys }: Signers,
): { readonly absent: Uint8Array; readonly signature: Uint8Array } {
  const sum = secretKeys.map(secretScalar).reduce((total, scalar) => total + scalar) % GROUP_ORDER;
  const everyone = new Set(secretKeys.map((_key, index) => index));
  const absent = Committee.absentBitmap(secretKeys.length, everyone);
  return { absent, signature: nobleBls.sign(toBigEndian(sum, 32), digest, "vote") };
}

export const saltOf = (name: string): Hash => keccakHash(new TextEncoder().encode(name));
export const hexOf = toHex;
