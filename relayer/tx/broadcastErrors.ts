/**
 * What a node's refusal of a raw transaction means (TX-5). Three classes that a sender treats apart, as one of them
 * taken for another has halted relayers before: `nonce-consumed` (look at the chain, never resend), `fee` (replace
 * with higher fees), `transport` (this endpoint, later). `known` is success. `invalid` can never be mined as it is.
 * `funds` waits for the operator.
 */
export type BroadcastClass = "known" | "nonce-consumed" | "fee" | "funds" | "invalid" | "transport";

const RULES: readonly { readonly outcome: BroadcastClass; readonly says: RegExp }[] = [
  {
    outcome: "known",
    says: /already known|already imported|known transaction|alreadyknown|already in (the )?(tx ?)?(pool|mempool)|already exists/,
  },
  {
    outcome: "nonce-consumed",
    says: /nonce (is )?too low|nonce_too_low|oldnonce|nonce has already been used|invalid nonce.*lower/,
  },
  {
    outcome: "fee",
    says: /underpriced|replacement ?(transaction )?(fee|not ?allowed|gas)|fee ?too ?low|max fee per gas less than|feecap|fee cap (is )?(less|lower|too low)|gas price (is )?(too low|below|less)|less than (the )?block base fee|tip.*too low|below (the )?minimum|effectiveprioritypertoolow/,
  },
  { outcome: "funds", says: /insufficient ?(funds|balance)|balance too low|upfront cost exceeds/ },
  {
    outcome: "invalid",
    says: /intrinsic gas|exceeds (the )?(block )?gas limit|gas limit (is )?(too high|reached)|gaslimitexceeded|transaction gas limit|invalid (sender|signature|chain)|wrong chain|oversized data|rlp|(tip|priority fee).*(above|higher than) (max )?fee|transaction type not supported|max initcode/,
  },
];

/** Classifies by the message: codes differ from node to node (geth and anvil answer -32000 and -32003 for all). */
export function classifyBroadcast(message: string): BroadcastClass {
  const text = message.toLowerCase();
  return RULES.find(({ says }) => says.test(text))?.outcome ?? "transport";
}

/** The verdict over several endpoints: one that took it is enough; a consumed nonce outranks a fee, a fee the rest. */
export function combineBroadcast(outcomes: readonly (BroadcastClass | "accepted")[]): BroadcastClass | "accepted" {
  const order = ["accepted", "known", "nonce-consumed", "fee", "funds", "invalid"] as const;
  return order.find((outcome) => outcomes.includes(outcome)) ?? "transport";
}
