import type { Message } from "../../../src/engine/message.ts";
import { intercept, type Behaviour } from "./behaviour.ts";

const REMEMBERED_MAX = 256;

/** Answers everything with old certificates and old proposals, and says that it is far ahead. */
export const staleCertificates: Behaviour = (tools) => (transport) => {
  const remembered: Message[] = [];
  return intercept(tools, transport, (_to, message) => {
    if (message.type === "certificate" || message.type === "proposal") {
      if (remembered.length < REMEMBERED_MAX) remembered.push(message);
    }
    const old = remembered[Math.floor(tools.random.fraction() * remembered.length)];
    if (message.type === "status") return [{ ...message, height: (message.height + 1000n) as typeof message.height }];
    return old === undefined ? [message] : [old, message];
  });
};
