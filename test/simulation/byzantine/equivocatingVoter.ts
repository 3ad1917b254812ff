import { keccakHash } from "../../../src/crypto/hash.ts";
import type * as Vote from "../../../src/protocol/Vote.ts";
import { hearsTheOther, intercept, signAnything, type Behaviour } from "./behaviour.ts";

/** Votes for one block to half of the committee and for another to the rest, in `notarize` and `finalize` (S1, S2, S4). */
export const equivocatingVoter: Behaviour = (tools) => (transport) =>
  intercept(tools, transport, (to, message) => {
    if (message.type !== "vote" || message.signed.vote.kind === "nullify" || !hearsTheOther(to)) return [message];
    const { vote, signer } = message.signed;
    const block = keccakHash(new TextEncoder().encode(`another block than ${vote.block}`));
    const lie: Vote.Vote = { ...vote, block };
    const other = { type: "vote" as const, signed: signAnything(tools, lie, signer) };
    return tools.random.fraction() < 0.5 ? [message, other] : [other];
  });
