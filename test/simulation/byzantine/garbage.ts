import type { Behaviour } from "./behaviour.ts";

/** Tag of `transactions`: damaged ones would be transactions that nobody offered, which is no fault of the chain. */
const TRANSACTIONS_TAG = 12;

/** Sends random bytes, cut messages and messages with a bit flipped beside what its engine says. */
export const garbage: Behaviour =
  ({ random }) =>
  (transport) => ({
    ...transport,
    send: (to, bytes, priority) => {
      const chance = bytes[0] === TRANSACTIONS_TAG ? 1 : random.fraction();
      if (chance < 0.2) transport.send(to, random.bytes(Math.floor(random.fraction() * 200)), priority);
      else if (chance < 0.4) transport.send(to, bytes.slice(0, Math.floor(random.fraction() * bytes.length)), priority);
      else if (chance < 0.6) {
        const flipped = bytes.slice();
        const at = Math.floor(random.fraction() * flipped.length);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random.fraction() * 8));
        transport.send(to, flipped, priority);
      }
      return transport.send(to, bytes, priority);
    },
  });
