import type * as Committee from "../protocol/Committee.ts";
import type { CommitteeId } from "../protocol/scalars.ts";

/**
 * SDK-2: who may say what is final. A committee comes from L1 or from the program's own configuration, never from a
 * Crema endpoint: a header names its committee by number only, and whoever fills that number in decides what is final.
 */
export interface CommitteeSource {
  /** The committee if it is trusted, with the time until when; undefined if there is none of this id. */
  committee(id: CommitteeId): Promise<TrustedCommittee | undefined>;
}

export interface TrustedCommittee {
  readonly committee: Committee.Committee;
  /** Wall time in seconds from which its signatures prove nothing: its stake may have left. 0 where trust was ended. */
  readonly trustedUntil: bigint;
}

/** Committees that the program knows itself: for tests, and for chains whose committee is agreed out of band. */
export function pinnedCommittees(
  committees: readonly Committee.Committee[],
  trustPeriodSeconds: bigint,
): CommitteeSource {
  const known = new Map(committees.map((committee) => [committee.id, committee]));
  return {
    committee: (id) => {
      const committee = known.get(id);
      const trusted = committee && { committee, trustedUntil: committee.createdAt + trustPeriodSeconds };
      return Promise.resolve(trusted);
    },
  };
}

/** Committees that a source is asked for once; trust is asked again after `maxAgeMs`, for it can end early. */
export function cachedCommittees(
  source: CommitteeSource,
  clock: { monotonicMs(): number },
  maxAgeMs: number,
): CommitteeSource {
  const known = new Map<CommitteeId, { readonly trusted: TrustedCommittee; readonly at: number }>();
  return {
    committee: async (id) => {
      const cached = known.get(id);
      if (cached !== undefined && clock.monotonicMs() - cached.at <= maxAgeMs) return cached.trusted;
      const trusted = await source.committee(id);
      if (trusted === undefined) return undefined;
      known.delete(id);
      known.set(id, { trusted, at: clock.monotonicMs() });
      const [oldest] = known.keys();
      if (known.size > CACHED_COMMITTEES_MAX && oldest !== undefined) known.delete(oldest);
      return trusted;
    },
  };
}

/** Committees kept; a client needs the newest few. */
export const CACHED_COMMITTEES_MAX = 16;
