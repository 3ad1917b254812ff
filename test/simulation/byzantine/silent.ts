import type { Behaviour } from "./behaviour.ts";

/** Hears everything and says nothing. */
export const silent: Behaviour = () => (transport) => ({ ...transport, send: () => ({ accepted: true }) });
