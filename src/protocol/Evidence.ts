import type { CommitteeId, ValidatorId } from "./scalars.ts";
import type { Resume } from "./Resume.ts";
import * as Vote from "./Vote.ts";

/** The slashable pairs: S1 to S4 of one (epoch, view), S5 of one epoch. */
export type Offence = "S1" | "S2" | "S3" | "S4" | "S5";

/** What was signed. */
export type Message = Vote.Vote | ({ readonly kind: "resume" } & Resume);

/** Who signed: one validator's key, or a committee with a bitmap of those that did not. */
export type Signers =
  | { readonly kind: "key"; readonly validator: ValidatorId }
  | { readonly kind: "committee"; readonly committee: CommitteeId; readonly absent: Uint8Array };

export interface Statement {
  readonly message: Message;
  readonly signers: Signers;
  /** 48 bytes; an aggregate for a committee. */
  readonly signature: Uint8Array;
}

/** Two statements that contradict; every signer of both is slashed. */
export interface Evidence {
  readonly first: Statement;
  readonly second: Statement;
}

/** The offence that signing both messages is, or undefined where it is none. */
export function offence(a: Message, b: Message): Offence | undefined {
  if (a.kind === "resume" || b.kind === "resume") {
    if (a.kind !== "resume" || b.kind !== "resume" || a.epoch !== b.epoch) return undefined;
    return a.block !== b.block || a.committee !== b.committee ? "S5" : undefined;
  }
  if (!Vote.contradict(a, b)) return undefined;
  if (a.kind === "nullify" || b.kind === "nullify") return "S3";
  if (a.kind !== b.kind) return "S4";
  return a.kind === "notarize" ? "S1" : "S2";
}
