import { toHex, type Hex } from "../../../src/codec/hex.ts";
import { nobleBls } from "../../../src/crypto/blsNoble.ts";
import { keccakHash, ZERO_HASH, type Hash } from "../../../src/crypto/hash.ts";
import type { FinalizedHeader } from "../../../src/lightclient/finalizedHeader.ts";
import * as Committee from "../../../src/protocol/Committee.ts";
import type { Domain } from "../../../src/protocol/Domain.ts";
import * as Header from "../../../src/protocol/Header.ts";
import { CommitteeId, Epoch, Height, View } from "../../../src/protocol/scalars.ts";
import * as Vote from "../../../src/protocol/Vote.ts";

/** Who signs in one committee, in committee order. */
export interface Signers {
  readonly committee: bigint;
  readonly secretKeys: readonly Uint8Array[];
}

/**
 * A chain that a committee really signed, as far as L1 looks: heights, epochs, committees and certificates. What L1 does
 * not check (payload, history) is a hash of the height.
 */
export class TestChain {
  readonly #domain: Domain;
  readonly #epochLength: bigint;
  readonly #l1Number: () => bigint;
  readonly #finalized: FinalizedHeader[] = [];
  #signers: Signers;
  #time = BigInt(Date.now() - 60_000);

  constructor(options: {
    readonly chainId: bigint;
    readonly stakeTable: Hex;
    readonly salt: Hash;
    readonly epochLength: bigint;
    readonly signers: Signers;
    readonly l1Number: () => bigint;
  }) {
    this.#domain = { chainId: options.chainId, stakeTable: options.stakeTable, salt: options.salt };
    this.#epochLength = options.epochLength;
    this.#signers = options.signers;
    this.#l1Number = options.l1Number;
  }

  get height(): bigint {
    return this.#finalized.at(-1)?.header.height ?? 0n;
  }

  newest(): FinalizedHeader | undefined {
    return this.#finalized.at(-1);
  }

  handovers(after: bigint): readonly FinalizedHeader[] {
    return this.#finalized.filter(({ header }) => Header.isHandover(header) && header.epoch > after);
  }

  /**
   * Finalizes `count` more blocks; signing takes a while, so only the last and the handovers carry a certificate that is
   * kept. `next` are the signers from the next epoch on.
   */
  grow(count: number, next?: Signers): void {
    for (let i = 0; i < count; i++) {
      const height = this.height + 1n;
      const epoch = (height + this.#epochLength - 1n) / this.#epochLength;
      const isHandover = height === epoch * this.#epochLength;
      const following = isHandover ? (next ?? this.#signers) : undefined;
      this.#finalized.push(this.#block(height, epoch, following?.committee ?? 0n, i === count - 1 || isHandover));
      if (following !== undefined) this.#signers = following;
    }
  }

  #block(height: bigint, epoch: bigint, nextCommittee: bigint, signed: boolean): FinalizedHeader {
    this.#time += 1n;
    const filler = keccakHash(new TextEncoder().encode(`block ${height.toString()}`));
    const view = height - (epoch - 1n) * this.#epochLength;
    const header: Header.Header = {
      height: Height(height),
      epoch: Epoch(epoch),
      viewNumber: View(view),
      committee: CommitteeId(this.#signers.committee),
      timestamp: this.#time,
      parent: filler,
      history: filler,
      payload: filler,
      namespaces: filler,
      l1Number: this.#l1Number(),
      l1Hash: ZERO_HASH,
      nextCommittee: CommitteeId(nextCommittee),
      proposer: 0,
    };
    return { header, certificate: signed ? this.certify(header) : UNSIGNED(header) };
  }

  /** The committee's finalization of a header, whatever it says. */
  certify(header: Header.Header): FinalizedHeader["certificate"] {
    const vote = Vote.finalize(header.epoch, header.viewNumber, Header.hash(header));
    const digest = Vote.digest(vote, this.#domain);
    const { secretKeys } = this.#signers;
    const signature = nobleBls.aggregate(secretKeys.map((key) => nobleBls.sign(key, digest, "vote")));
    if (signature === undefined || vote.kind !== "finalize") throw new Error("the committee could not sign");
    const everyone = new Set(secretKeys.map((_key, index) => index));
    return { vote, absent: Committee.absentBitmap(secretKeys.length, everyone), signature };
  }
}

/** A block between two finalizations that anyone asks for. */
function UNSIGNED(header: Header.Header): FinalizedHeader["certificate"] {
  const vote = Vote.finalize(header.epoch, header.viewNumber, Header.hash(header));
  if (vote.kind !== "finalize") throw new Error("not a finalize");
  return { vote, absent: new Uint8Array(1), signature: new Uint8Array(48) };
}

export const saltOf = (name: string): Hash => keccakHash(new TextEncoder().encode(name));
export const hexOf = toHex;
