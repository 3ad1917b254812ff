import type { Epoch, View } from "../protocol/scalars.ts";

/** Why an input was refused, with what was wrong. `fault` says whether an honest peer can cause it. */
export type Rejection =
  | { readonly code: "other-epoch"; readonly given: Epoch; readonly current: Epoch; readonly fault: false }
  | { readonly code: "stale-view"; readonly given: View; readonly oldest: View; readonly fault: false }
  | { readonly code: "future-view"; readonly given: View; readonly newest: View; readonly fault: false }
  | { readonly code: "duplicate"; readonly view: View; readonly fault: false }
  | {
      readonly code: "not-leader";
      readonly view: View;
      readonly given: number;
      readonly leader: number;
      readonly fault: true;
    }
  | { readonly code: "too-many-proposals"; readonly view: View; readonly fault: true }
  | { readonly code: "unknown-seat"; readonly given: number; readonly seats: number; readonly fault: true }
  | { readonly code: "bad-signature"; readonly view: View; readonly seat: number; readonly fault: true }
  | { readonly code: "seat-refused"; readonly view: View; readonly seat: number; readonly fault: true }
  | { readonly code: "unwanted"; readonly what: string; readonly fault: false };
