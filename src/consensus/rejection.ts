import type { Epoch, View } from "../protocol/scalars.ts";
import type { HeaderFault } from "./headerRules.ts";

/** Why an input was refused, with what was wrong. */
export type Rejection =
  | { readonly code: "other-epoch"; readonly given: Epoch; readonly current: Epoch }
  | { readonly code: "stale-view"; readonly given: View; readonly oldest: View }
  | { readonly code: "future-view"; readonly given: View; readonly newest: View }
  | { readonly code: "duplicate"; readonly view: View }
  | { readonly code: "unwanted"; readonly what: string }
  | { readonly code: "not-running" }
  | { readonly code: "not-leader"; readonly view: View; readonly given: number; readonly leader: number }
  | { readonly code: "too-many-proposals"; readonly view: View; readonly limit: number }
  | { readonly code: "unknown-member"; readonly given: number; readonly members: number }
  | { readonly code: "slot-refused"; readonly view: View; readonly signer: number }
  | { readonly code: "bad-signature"; readonly view: View; readonly signer: number }
  | { readonly code: "invalid-proposal"; readonly view: View; readonly leader: number; readonly fault: HeaderFault }
  | { readonly code: "invalid-block"; readonly view: View; readonly leader: number };

const FAULTS: ReadonlySet<Rejection["code"]> = new Set([
  "not-leader",
  "too-many-proposals",
  "unknown-member",
  "slot-refused",
  "bad-signature",
  "invalid-proposal",
  "invalid-block",
] as const);

/** Whether only a faulty peer causes this: score or block whoever sent it. */
export function isFault(rejection: Rejection): boolean {
  return FAULTS.has(rejection.code);
}
