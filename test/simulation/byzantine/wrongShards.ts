import type { ShardSet } from "../../../src/dispersal/dispersal.ts";
import { keccakHash } from "../../../src/crypto/hash.ts";
import * as Header from "../../../src/protocol/Header.ts";
import * as Vote from "../../../src/protocol/Vote.ts";
import { intercept, signAnything, type Behaviour } from "./behaviour.ts";

function spoil(set: ShardSet): ShardSet {
  return { ...set, shards: set.shards.map((shard) => ({ ...shard, bytes: shard.bytes.map((byte) => byte ^ 0x55) })) };
}

/** Damages the shards it passes on, and as leader commits to a payload that nobody can rebuild, or to a false table. */
export const wrongShards: Behaviour = (tools) => (transport) =>
  intercept(tools, transport, (_to, message) => {
    if (message.type === "vote" && message.shards !== undefined) {
      return [{ ...message, shards: spoil(message.shards) }];
    }
    if (message.type === "payload") return [{ ...message, payload: message.payload.map((byte) => byte ^ 1) }];
    if (message.type === "payloads") {
      const payloads = message.payloads.map(({ block, payload }) => ({
        block,
        payload: payload.map((byte) => byte ^ 1),
      }));
      return [{ ...message, payloads }];
    }
    if (message.type !== "proposal") return [message];
    const { proposal, body } = message;
    if (proposal.view % 2n === 0n) {
      if (body.kind !== "shards") return [message];
      return [{ ...message, body: { ...body, receiver: spoil(body.receiver) } }];
    }
    const namespaces = keccakHash(new TextEncoder().encode("no table"));
    const header = { ...proposal.header, namespaces };
    const vote = Vote.notarize(proposal.epoch, proposal.view, Header.hash(header));
    const { signature } = signAnything(tools, vote, proposal.leader);
    return [{ ...message, proposal: { ...proposal, header, signature } }];
  });
