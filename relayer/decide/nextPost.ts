import type { FinalizedHeader } from "../../src/lightclient/finalizedHeader.ts";
import type { ClientState } from "../l1/reader.ts";

/** When a finalization is worth a transaction. */
export interface PostPolicy {
  /** Post when so many finalized blocks are not on L1 ... */
  readonly everyBlocks: bigint;
  /** ... or when the checkpoint on L1 is so old, in seconds. */
  readonly everySeconds: bigint;
  /** From this age of the checkpoint on the urgent fee ceiling holds, in seconds. */
  readonly deadlineSeconds: bigint;
}

/** What the nodes offer. */
export interface Offer {
  /** Newest finalization, any committee. */
  readonly newest: FinalizedHeader;
  /** The handover by which the committee that L1 has installed names another one; undefined while there is none. */
  readonly change: FinalizedHeader | undefined;
}

export type Post =
  | { readonly kind: "handover" | "advance"; readonly finalized: FinalizedHeader; readonly urgentAtMs: number }
  | { readonly kind: "none"; readonly reason: string };

/** The committee whose finalizations L1 takes: before the first `advance` that is committee 1. */
export function installedCommittee(client: ClientState): bigint {
  return client.committee === 0n ? 1n : client.committee;
}

/**
 * POST-1: the one finalization to post next. A handover that changes the committee comes before anything of the next
 * committee and is never put off; of everything else only the newest counts, when the policy says so. An outage
 * leaves no backlog: whatever lies between is skipped.
 */
export function nextPost(client: ClientState, offer: Offer, policy: PostPolicy, l1Seconds: bigint): Post {
  if (client.frozen) return { kind: "none", reason: "the light client is frozen" };
  if (client.committee !== 0n && l1Seconds >= client.trustedUntil) {
    return { kind: "none", reason: "the light client is expired" };
  }
  const installed = installedCommittee(client);
  const urgentAtMs = Number((client.freshAt + policy.deadlineSeconds) * 1000n);
  const change = offer.change;
  if (change !== undefined && change.header.committee === installed && change.header.height > client.height) {
    // Its own deadline has passed by definition: the whole chain waits for it.
    return { kind: "handover", finalized: change, urgentAtMs };
  }
  const { header } = offer.newest;
  if (header.height <= client.height) return { kind: "none", reason: "L1 has it" };
  if (header.committee !== installed) {
    return { kind: "none", reason: `no node gives the handover of committee ${installed.toString()}` };
  }
  if (!isDue(client, header.height, policy, l1Seconds)) return { kind: "none", reason: "not due" };
  return { kind: "advance", finalized: offer.newest, urgentAtMs };
}

/** POST-2: due by blocks, by age, or because nothing was ever posted. */
function isDue(client: ClientState, height: bigint, policy: PostPolicy, l1Seconds: bigint): boolean {
  if (client.committee === 0n) return true;
  const age = l1Seconds > client.freshAt ? l1Seconds - client.freshAt : 0n;
  return height - client.height >= policy.everyBlocks || age >= policy.everySeconds;
}
