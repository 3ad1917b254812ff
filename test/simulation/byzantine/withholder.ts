import { intercept, type Behaviour } from "./behaviour.ts";

/** Sends proposals to some only, votes without shards, and answers no request. */
export const withholder: Behaviour = (tools) => (transport) =>
  intercept(tools, transport, (to, message) => {
    switch (message.type) {
      case "proposal":
        return Number.parseInt(to.slice(0, 2), 16) % 3 === 0 ? [] : [{ ...message, body: { kind: "none" } }];
      case "vote":
        return [{ type: "vote", signed: message.signed }];
      case "payload":
      case "view":
      case "headers":
      case "range":
        return [];
      default:
        return [message];
    }
  });
