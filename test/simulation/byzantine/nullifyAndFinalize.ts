import * as Vote from "../../../src/protocol/Vote.ts";
import { intercept, signAnything, type Behaviour } from "./behaviour.ts";

/** Nullifies every view it finalizes, and finalizes what it only notarized (S3). */
export const nullifyAndFinalize: Behaviour = (tools) => (transport) =>
  intercept(tools, transport, (_to, message) => {
    if (message.type !== "vote" || message.signed.vote.kind === "nullify") return [message];
    const { vote, signer } = message.signed;
    const nullify = { type: "vote" as const, signed: signAnything(tools, Vote.nullify(vote.epoch, vote.view), signer) };
    const finalize = {
      type: "vote" as const,
      signed: signAnything(tools, Vote.finalize(vote.epoch, vote.view, vote.block), signer),
    };
    return [message, nullify, finalize];
  });
