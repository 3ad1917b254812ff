import { decode, encode, type Message } from "../../../src/engine/message.ts";
import type { PeerId, Transport } from "../../../src/network/transport.ts";
import * as Vote from "../../../src/protocol/Vote.ts";
import type { AdversaryTools } from "../world.ts";

/** One way to be Byzantine: an honest engine behind a transport that lies, with the keys to sign what it likes. */
export type Behaviour = (tools: AdversaryTools) => (transport: Transport) => Transport;

/** Passes every outgoing message through `change`, which says what this receiver gets instead. */
export function intercept(
  tools: AdversaryTools,
  transport: Transport,
  change: (to: PeerId, message: Message) => readonly Message[],
): Transport {
  return {
    ...transport,
    send: (to, bytes, priority) => {
      const decoded = decode(bytes, tools.config.limits);
      if (!decoded.ok) return transport.send(to, bytes, priority);
      const messages = change(to, decoded.message);
      for (const message of messages) {
        const same = messages.length === 1 && message === decoded.message;
        transport.send(to, same ? bytes : encode(message), priority);
      }
      return { accepted: true };
    },
  };
}

/** Signs any vote with the adversary's own key, whatever was signed before. */
export function signAnything(tools: AdversaryTools, vote: Vote.Vote, signer: number): Vote.SignedVote {
  const signature = tools.bls.sign(tools.secretKey, Vote.digest(vote, tools.domain), "vote");
  return { vote, signer, signature };
}

/** Splits the world in two halves that hear different things; the same halves for the whole run. */
export function hearsTheOther(to: PeerId): boolean {
  return Number.parseInt(to.slice(-2), 16) % 2 === 1;
}
