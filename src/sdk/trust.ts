import type { Bls } from "../crypto/bls.ts";
import type { Hash } from "../crypto/hash.ts";
import * as Confirmation from "../lightclient/confirmation.ts";
import * as FinalizedHeader from "../lightclient/finalizedHeader.ts";
import type { Domain } from "../protocol/Domain.ts";
import * as Header from "../protocol/Header.ts";
import type { CommitteeSource } from "./committees.ts";
import { VerificationError, type VerificationFault } from "./errors.ts";

/** How far ahead of the own clock a header's time may be, seconds: what L1 allows (docs/spec/light-client.md). */
export const HEADER_DRIFT_SECONDS = 120n;
/** Finalized headers remembered, so that several answers proven by one are checked once. */
export const REMEMBERED_HEADERS_MAX = 256;

const MS_PER_SECOND = 1000n;

export interface TrustOptions {
  readonly domain: Domain;
  readonly epochLength: bigint;
  readonly committees: CommitteeSource;
  readonly bls: Pick<Bls, "verifyAggregate">;
  /** Wall time, milliseconds. */
  readonly nowMs: () => number;
}

/** Decides what an endpoint has proven. Every method throws `VerificationError` where it has not. */
export interface Trust {
  finalized(finalized: FinalizedHeader.FinalizedHeader, endpoint: string): Promise<void>;
  block(confirmed: Confirmation.ConfirmedBlock, endpoint: string): Promise<void>;
}

export function createTrust(options: TrustOptions): Trust {
  const remembered = new Set<Hash>();

  function remember(hash: Hash): void {
    remembered.add(hash);
    const [oldest] = remembered;
    if (remembered.size > REMEMBERED_HEADERS_MAX && oldest !== undefined) remembered.delete(oldest);
  }

  async function finalized(given: FinalizedHeader.FinalizedHeader, endpoint: string): Promise<void> {
    const hash = Header.hash(given.header);
    if (remembered.has(hash)) return;
    const fault = await findFault(options, given);
    if (fault !== undefined) throw new VerificationError(endpoint, fault);
    remember(hash);
  }

  return {
    finalized,
    block: async (confirmed, endpoint) => {
      const verdict = Confirmation.verifyInHistory(confirmed);
      if (!verdict.ok) throw new VerificationError(endpoint, verdict.fault);
      await finalized(confirmed.finalized, endpoint);
    },
  };
}

/**
 * SDK-3: a finalized header counts iff its committee comes from the trusted source and is trusted now, a quorum of it
 * signed, and its time is not ahead of ours. The committee need not be followed from handover to handover: it signs in
 * the epochs that it serves and in no other, unless a quorum of it is Byzantine.
 */
async function findFault(
  options: TrustOptions,
  given: FinalizedHeader.FinalizedHeader,
): Promise<VerificationFault | undefined> {
  const { header } = given;
  const trusted = await options.committees.committee(header.committee);
  if (trusted === undefined) return { code: "unknown-committee", committee: header.committee };
  const now = BigInt(Math.floor(options.nowMs())) / MS_PER_SECOND;
  if (now >= trusted.trustedUntil) {
    return { code: "committee-not-trusted", committee: header.committee, trustedUntil: trusted.trustedUntil };
  }
  if (header.timestamp / MS_PER_SECOND > now + HEADER_DRIFT_SECONDS) {
    return { code: "header-from-future", height: header.height, timestamp: header.timestamp, now };
  }
  const verdict = FinalizedHeader.verify(given, trusted.committee, options);
  return verdict.ok ? undefined : verdict.fault;
}

/** Throws for a verdict of the light client that is not a proof. */
export function requireProven(verdict: Confirmation.ConfirmationVerdict, endpoint: string): void {
  if (!verdict.ok) throw new VerificationError(endpoint, verdict.fault);
}
