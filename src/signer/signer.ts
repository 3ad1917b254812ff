import type * as Evidence from "../protocol/Evidence.ts";
import type { Resume } from "../protocol/Resume.ts";
import type { Epoch } from "../protocol/scalars.ts";
import type { Refusal } from "./slashingProtection.ts";

export type SignResult =
  /** 48 bytes. What was signed is on disk. */
  | { readonly ok: true; readonly signature: Uint8Array }
  /** Nothing was signed: it could be slashed for, or the record does not allow it yet. */
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * The one door to a validator's key. It knows nothing of consensus and trusts no caller: whatever is asked, in whatever
 * order, over however many crashes, no two of its signatures are slashable together (SIGN-1).
 */
export interface Signer {
  /** 192 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs a vote or a resume. Rejects only when the record cannot be written: then the node must stop. */
  sign(message: Evidence.Message): Promise<SignResult>;
  /** The last resume that was signed, or was about to be when the machine stopped: no vote below its epoch (SIGN-7). */
  resumed(): Resume | undefined;
  /**
   * The epoch that peers report as current, by a finalization that was verified. After an import nothing is signed
   * before this was called, nor in that epoch or an older one.
   */
  confirmEpoch(epoch: Epoch): Promise<void>;
  /**
   * A valid signature of this key that came from outside. Returns false, and never signs again, if it is not in the
   * record: then another machine signs with this key, or the record was restored from a backup.
   */
  observe(message: Evidence.Message): Promise<boolean>;
  close(): Promise<void>;
}
