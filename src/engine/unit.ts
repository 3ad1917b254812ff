import type { Part, Unit } from "../mempool/mempool.ts";
import * as Transaction from "../protocol/Transaction.ts";

/** Why transactions can't enter the pool together. */
export type UnitFault =
  | Transaction.EnvelopeFault
  | { readonly code: "empty" }
  | { readonly code: "lone-part"; readonly count: number }
  | { readonly code: "mixed"; readonly reason: string }
  | { readonly code: "wrong-bundle-id" };

export type UnitResult = { readonly ok: true; readonly unit: Unit } | { readonly ok: false; readonly fault: UnitFault };

/** MEM-4: one plain transaction, or exactly the parts of one bundle in order with the right id. */
export function openUnit(transactions: readonly Transaction.Transaction[]): UnitResult {
  const [first, ...rest] = transactions.map(partOf);
  if (first === undefined) return { ok: false, fault: { code: "empty" } };
  const bundled: Transaction.BundlePart[] = [];
  let bundle: string | undefined;
  for (const [index, { namespace, envelope }] of transactions.entries()) {
    const opened = Transaction.open(envelope);
    if (!opened.ok) return opened;
    if (opened.envelope.kind === "plain") {
      if (rest.length > 0) return mixed("a plain transaction stands alone");
      continue;
    }
    const { count, data } = opened.envelope;
    if (count !== transactions.length) return { ok: false, fault: { code: "lone-part", count } };
    if (opened.envelope.index !== index) return mixed("parts stand in order");
    if (bundle !== undefined && bundle !== opened.envelope.bundle) return mixed("parts are of one bundle");
    bundle = opened.envelope.bundle;
    bundled.push({ namespace, data });
  }
  if (bundle !== undefined && Transaction.bundleId(bundled) !== bundle) {
    return { ok: false, fault: { code: "wrong-bundle-id" } };
  }
  return { ok: true, unit: { parts: [first, ...rest] } };
}

function mixed(reason: string): UnitResult {
  return { ok: false, fault: { code: "mixed", reason } };
}

function partOf(transaction: Transaction.Transaction): Part {
  const { namespace, envelope } = transaction;
  return { namespace, envelope, hash: Transaction.hash(transaction) };
}
