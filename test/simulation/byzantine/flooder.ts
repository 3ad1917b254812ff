import { keccakHash } from "../../../src/crypto/hash.ts";
import { PAYLOADS_MAX, type Message } from "../../../src/engine/message.ts";
import { Height, NamespaceId, View } from "../../../src/protocol/scalars.ts";
import * as Transaction from "../../../src/protocol/Transaction.ts";
import * as Vote from "../../../src/protocol/Vote.ts";
import { intercept, signAnything, type Behaviour } from "./behaviour.ts";

const COPIES = 8;

/** Multiplies whatever it says by requests, votes far ahead and behind, and transactions of one namespace. */
export const flooder: Behaviour = (tools) => (transport) => {
  let serial = 0;
  return intercept(tools, transport, (_to, message) => {
    if (message.type !== "vote") return [message];
    const { vote, signer } = message.signed;
    const flood: Message[] = [];
    for (let copy = 0; copy < COPIES; copy++) {
      serial += 1;
      const block = keccakHash(new TextEncoder().encode(`flood ${String(serial)}`));
      const view = View(vote.view + BigInt(serial % 40));
      flood.push({ type: "vote", signed: signAnything(tools, Vote.notarize(vote.epoch, view, block), signer) });
      flood.push({ type: "view-request", epoch: vote.epoch, view });
      flood.push({ type: "range-request", from: Height(1n), count: 0xffff_ffff });
      flood.push({ type: "payload-request", block });
      flood.push({ type: "payloads-request", blocks: Array.from({ length: PAYLOADS_MAX }, () => block) });
      const bytes = new TextEncoder().encode(`spam ${String(tools.machine)} ${String(serial)}`);
      flood.push({ type: "transactions", units: [[Transaction.plain(NamespaceId(666n), bytes)]] });
    }
    return [message, ...flood];
  });
};
