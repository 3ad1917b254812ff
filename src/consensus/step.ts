import type { Context } from "./context.ts";
import type { Input } from "./input.ts";
import type { Output } from "./output.ts";
import type { State } from "./state.ts";

/** What a step leads to: the state to go on with, and what to do, in order. */
export interface Transition {
  readonly state: State;
  readonly outputs: readonly Output[];
}

/** The whole of consensus: deterministic, synchronous, without I/O. Never throws on what a peer sent. */
export function step(context: Context, state: State, input: Input): Transition {
  void context;
  void input;
  return { state, outputs: [] };
}
