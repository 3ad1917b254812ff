import type { Context } from "../context.ts";
import { intentId, type Intent } from "../tx/intent.ts";

/** Order in which intents go out when several wait: what others depend on first. */
export const PRIORITY = {
  handover: 0,
  freeze: 1,
  evidence: 2,
  resume: 3,
  advance: 4,
  rotate: 5,
  seal: 6,
  settle: 7,
} as const;

/** No transaction may use more (EIP-7825). */
export const TRANSACTION_GAS_MAX = 1n << 24n;
/** Above every measured `advance` by far: what needs more is a fault, not a price. */
export const ADVANCE_GAS_MAX = 1_500_000n;

/** An urgency that never comes. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;

export type IntentDraft = Omit<Intent, "id">;

export function toIntent(context: Pick<Context, "chainId">, draft: IntentDraft): Intent {
  return { ...draft, id: intentId(context.chainId, draft.label, draft.to, draft.data) };
}

/** An intent that stands alone: nothing newer replaces it. */
export function single(label: string, to: string, data: string, priority: number): IntentDraft {
  return { label, group: "", rank: 0n, priority, to, data, gasMax: TRANSACTION_GAS_MAX, urgentAtMs: NEVER_MS };
}
