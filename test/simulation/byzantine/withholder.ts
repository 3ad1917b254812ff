import { intercept, type Behaviour } from "./behaviour.ts";

const ANSWERS = new Set(["payload", "payloads", "view", "headers", "range"]);

/** Sends proposals to some only, votes without shards, and answers no request. */
export const withholder: Behaviour = (tools) => (transport) =>
  intercept(tools, transport, (to, message) => {
    if (message.type === "proposal") {
      return Number.parseInt(to.slice(0, 2), 16) % 3 === 0 ? [] : [{ ...message, body: { kind: "none" } }];
    }
    if (message.type === "vote") return [{ type: "vote", signed: message.signed }];
    return ANSWERS.has(message.type) ? [] : [message];
  });
