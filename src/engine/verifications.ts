import type { VerifyConflict, VerifyVotes } from "../consensus/output.ts";
import * as Committee from "../protocol/Committee.ts";
import * as Vote from "../protocol/Vote.ts";
import type { Kernel } from "./kernel.ts";

/** VOTE-2, VOTE-3: answers `verify-votes`: one check of the sum, bisection where it fails. */
export async function verifyVotes(kernel: Kernel, { vote, votes }: VerifyVotes): Promise<void> {
  const membership = kernel.membership();
  const { committee } = membership;
  const entries = votes.map(({ signer, signature, isVerified }) => {
    return { key: Committee.member(committee, signer).key, signature, verified: isVerified };
  });
  const verdict = await kernel.ports.bls.verifyBatch(Vote.digest(vote, kernel.options.domain), entries);
  if (!kernel.isRunning() || kernel.membership() !== membership) return;
  const signers = (places: readonly number[]): number[] => places.flatMap((place) => votes[place]?.signer ?? []);
  const { peers } = kernel.membership();
  for (const signer of signers(verdict.invalid)) {
    const peer = peers[signer];
    if (peer !== undefined) kernel.ports.transport.penalize(peer, "invalid-signature");
  }
  kernel.feed({
    type: "votes-verified",
    vote,
    valid: signers(verdict.valid),
    invalid: signers(verdict.invalid),
    aggregate: verdict.aggregate,
  });
}

/** Answers `verify-conflict`. */
export async function verifyConflict(kernel: Kernel, { vote, against }: VerifyConflict): Promise<void> {
  const membership = kernel.membership();
  const { committee } = membership;
  const verify = (signed: Vote.SignedVote): Promise<boolean> => {
    const { key } = Committee.member(committee, signed.signer);
    return kernel.ports.bls.verify(key, Vote.digest(signed.vote, kernel.options.domain), signed.signature);
  };
  const isAgainstValid = against.type === "certificate" ? Promise.resolve(true) : verify(against.vote);
  const [first, second] = await Promise.all([verify(vote), isAgainstValid]);
  if (!kernel.isRunning() || kernel.membership() !== membership) return;
  const peer = kernel.membership().peers[vote.signer];
  // Both are its author's, from its own connection: the penalty bounds how often it can have us look in vain.
  if (peer !== undefined && !(first && second)) kernel.ports.transport.penalize(peer, "invalid-signature");
  kernel.feed({ type: "conflict-verified", vote, against, isVoteValid: first, isAgainstValid: second });
}
