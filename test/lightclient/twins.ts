import { expect } from "vitest";

import { advance } from "../../src/lightclient/advance.ts";
import * as Checkpoint from "../../src/lightclient/checkpoint.ts";
import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import { freeze, reportSlashed, type ForkProof } from "../../src/lightclient/halt.ts";
import * as LightClient from "../../src/lightclient/lightClient.ts";
import { applyResume, resume, type SignedResume } from "../../src/lightclient/resume.ts";
import { toHex, type Hex } from "../../src/codec/hex.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Header from "../../src/protocol/Header.ts";
import { type CommitteeId, Epoch, type View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { bls, Chain, certify, genesis, type SecretCommittee } from "../api/chain.ts";
import { certificateOnL1, deployContracts, revertOf, signatureOnL1, type Contracts } from "./contracts.ts";

/**
 * The TypeScript light client beside the contract: the same calls in the same order at the same times, and both must
 * say the same, error by error, and stand at the same place.
 */

const ZERO_HASH = toHex(new Uint8Array(32));

/** A signature as L1 takes it: four words. */
export type SignatureWords = [Hex, Hex, Hex, Hex];

/** The contract's error for a fault. What TypeScript knows beforehand is a false signature on L1. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  "malformed-bitmap": ["CertificateBitmapLengthWrong", "CertificateBitmapOutOfBounds"],
  "below-quorum": ["CertificateBelowQuorum"],
  // What is no point of the group fails a precompile there, and is no signature here.
  "bad-signature": ["CertificateSignatureInvalid", "BlsPrecompileFailed"],
  "history-mismatch": ["LightClientHistoryMismatch", "MerkleIndexOutOfBounds", "MerkleProofLengthWrong"],
  "value-too-large": ["ClientStateValueTooLarge"],
  // A resume names a block, whose header comes with it; a certificate's vote is made from the header on L1.
  "wrong-block": ["LightClientWrongBlock", "CertificateSignatureInvalid"],
};

function errorOf({ code }: LightClient.Fault): readonly string[] {
  const words = code.split("-").map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return OTHER_NAMES[code] ?? [`LightClient${words.join("")}`];
}

export class Twin {
  readonly contracts: Contracts;
  readonly chain: Chain;
  readonly slashed = new Set<bigint>();
  state: LightClient.State;
  readonly setting: LightClient.Setting;
  /** Faults seen, so that a test can say that it reached them. */
  readonly seen = new Set<string>();

  constructor(contracts: Contracts, nowSeconds: bigint) {
    this.contracts = contracts;
    this.chain = new Chain(contracts.committees, contracts.domain);
    this.state = LightClient.create(Header.hash(genesis), nowSeconds);
    this.setting = { parameters: contracts.parameters, domain: contracts.domain, bls };
  }

  static async start(weights: readonly (readonly number[])[]): Promise<Twin> {
    const contracts = await deployContracts(weights);
    return new Twin(contracts, contracts.deployedAt);
  }

  committee(id: number): SecretCommittee {
    const found = this.contracts.committees[id - 1];
    if (found === undefined) throw new Error(`no committee ${String(id)}`);
    return found;
  }

  finalizationAt(height: number): FinalizedHeader {
    const found = this.chain.finalizations.get(BigInt(height));
    if (found === undefined) throw new Error(`height ${String(height)} has no finalization`);
    return found;
  }

  /** Both do the same at the same second; returns the fault that both found, or undefined. */
  async both(
    twin: (l1: LightClient.L1) => LightClient.Outcome,
    contract: (overrides: { gasLimit: number }) => Promise<{ wait(): Promise<unknown> }>,
    laterSeconds = 12n,
  ): Promise<string | undefined> {
    const nowSeconds = (await this.contracts.now()) + laterSeconds;
    const blockNumber = BigInt(await this.contracts.ethers.provider.getBlockNumber()) + 1n;
    const outcome = twin({
      nowSeconds,
      blockNumber,
      committee: (id) => this.contracts.committees.find(({ committee }) => committee.id === id)?.committee,
      isSlashed: ({ validator }) => this.slashed.has(validator),
    });
    await this.contracts.setNext(nowSeconds);
    const error = await revertOf(contract({ gasLimit: 16_000_000 }));
    if (outcome.ok) {
      expect(error).toBeUndefined();
      this.state = outcome.state;
    } else {
      expect(errorOf(outcome.fault)).toContain(error);
      this.seen.add(outcome.fault.code);
    }
    await this.expectSamePlace();
    return outcome.ok ? undefined : outcome.fault.code;
  }

  advance(given: FinalizedHeader, laterSeconds?: bigint, words?: SignatureWords): Promise<string | undefined> {
    return this.both(
      (l1) => advance(this.state, given, l1, this.setting),
      (overrides) => this.contracts.lightClient.advance(given.header, onL1(given, words), overrides),
      laterSeconds,
    );
  }

  freeze(lower: FinalizedHeader, higher: FinalizedHeader, proof?: ForkProof): Promise<string | undefined> {
    const other = proof?.otherBlock ?? Header.hash(lower.header);
    return this.both(
      (l1) => freeze(this.state, lower, higher, proof, l1, this.setting),
      (overrides) =>
        this.contracts.lightClient.freeze(
          { header: lower.header, certificate: certificateOnL1(lower) },
          { header: higher.header, certificate: certificateOnL1(higher) },
          other,
          [...(proof?.path ?? [])],
          overrides,
        ),
    );
  }

  reportSlashed(id: CommitteeId, seats: readonly number[]): Promise<string | undefined> {
    return this.both(
      (l1) => reportSlashed(this.state, id, seats, l1),
      (overrides) => this.contracts.lightClient.reportSlashed(id, [...seats], overrides),
    );
  }

  resume(signed: SignedResume, laterSeconds?: bigint): Promise<string | undefined> {
    const { message, header, path, absent, signature } = signed;
    const { epoch, block: blockHash, committee } = message;
    // What the caller has no choice in: the checkpoint that L1 has, and that a resume has no view.
    const certificate = { viewNumber: 0n, absent: toHex(absent), signature: signatureOnL1(signature) };
    const { latest } = this.state;
    return this.both(
      (l1) => resume(this.state, signed, l1, this.setting),
      (overrides) =>
        this.contracts.lightClient.resume(
          { epoch, blockHash, committee },
          certificate,
          header,
          latest,
          [...path],
          overrides,
        ),
      laterSeconds,
    );
  }

  applyResume(laterSeconds?: bigint): Promise<string | undefined> {
    return this.both(
      (l1) => applyResume(this.state, l1, this.setting),
      (overrides) => this.contracts.lightClient.applyResume(overrides),
      laterSeconds,
    );
  }

  async slash(validator: bigint): Promise<void> {
    await this.contracts.stakeTable.setSlashed(validator);
    this.slashed.add(validator);
  }

  async expectSamePlace(): Promise<void> {
    const { lightClient } = this.contracts;
    const { position, trustedUntil, halt, latest, ring } = this.state;
    const status = await lightClient.status();
    expect({
      height: status.height,
      epoch: status.epoch,
      view: status.viewNumber,
      committee: status.committee,
      freshAt: status.freshAt,
      trustedUntil: status.trustedUntil,
      frozen: status.frozen,
    }).toEqual({ ...position, trustedUntil, frozen: halt.frozen });
    expect(await lightClient.checkpointAt(LightClient.LATEST_POSITION)).toBe(Checkpoint.hash(latest));
    for (const [place, kept] of ring) expect(await lightClient.checkpointAt(place)).toBe(Checkpoint.hash(kept));
    await this.#expectSameTrust();
  }

  async #expectSameTrust(): Promise<void> {
    const { lightClient, committees, parameters } = this.contracts;
    const { state } = this;
    for (const { committee } of committees) {
      const { id } = committee;
      expect(await lightClient.trustedUntil(id)).toBe(LightClient.trustedUntil(state, committee, parameters));
      expect(await lightClient.slashedWeight(id)).toBe(state.slashed.get(id)?.weight ?? 0n);
    }
    const now = await this.contracts.now();
    for (const age of [0n, 60n, 86_400n]) {
      expect(await lightClient.isLive(age)).toBe(LightClient.isLive(state, now, age));
    }
    const { epoch, committee, applicableAt, checkpoint } = await lightClient.pendingResume();
    const { pending } = state;
    expect([epoch, committee, applicableAt]).toEqual(
      pending === undefined ? [0n, 0n, 0n] : [pending.epoch, pending.committee, pending.applicableAt],
    );
    expect(checkpoint.blockHash).toBe(pending?.checkpoint.blockHash ?? ZERO_HASH);
    for (let e = state.position.epoch; e < state.position.epoch + 4n; e++) {
      expect(await lightClient.isBarred(e)).toBe(state.barred.has(Epoch(e)));
    }
  }

  sign(
    header: Header.Header,
    by: SecretCommittee,
    view: View = header.viewNumber,
    signers?: readonly number[],
  ): FinalizedHeader {
    const certificate = certify(
      Vote.finalize(header.epoch, view, Header.hash(header)),
      by,
      signers,
      this.contracts.domain,
    );
    if (!Certificate.isFinalization(certificate)) throw new Error("a finalize vote makes a finalization");
    return { header, certificate };
  }
}

function onL1(given: FinalizedHeader, words: SignatureWords | undefined) {
  if (words === undefined) return certificateOnL1(given);
  const { certificate } = given;
  return { viewNumber: certificate.vote.view, absent: toHex(certificate.absent), signature: words };
}
