import * as Header from "../../../src/protocol/Header.ts";
import * as Vote from "../../../src/protocol/Vote.ts";
import { hearsTheOther, intercept, signAnything, type Behaviour } from "./behaviour.ts";

/** As leader, shows one block to half of the committee and another to the rest (S1). */
export const equivocatingProposer: Behaviour = (tools) => (transport) =>
  intercept(tools, transport, (to, message) => {
    if (message.type !== "proposal" || !hearsTheOther(to)) return [message];
    const { proposal } = message;
    const header = { ...proposal.header, timestamp: proposal.header.timestamp + 1n };
    const vote = Vote.notarize(proposal.epoch, proposal.view, Header.hash(header));
    const { signature } = signAnything(tools, vote, proposal.leader);
    const other = { ...message, proposal: { ...proposal, header, signature } };
    // Some hear both: that is what makes evidence.
    return tools.random.fraction() < 0.3 ? [message, other] : [other];
  });
