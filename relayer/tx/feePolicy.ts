/** EIP-1559 fees of one transaction, in wei per gas. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** What the chain asks now, in wei per gas. */
export interface Market {
  /** Base fee of the newest block. */
  readonly baseFeePerGas: bigint;
  /** The node's tip suggestion. */
  readonly tipPerGas: bigint;
}

export interface FeeLimits {
  readonly minTipPerGas: bigint;
  readonly maxTipPerGas: bigint;
  /** Raise of both fees on a replacement, in percent; at least `MIN_BUMP_PERCENT`. */
  readonly bumpPercent: bigint;
  /** Highest fee per gas while nothing is urgent. */
  readonly ceilingPerGas: bigint;
  /** Highest fee per gas once the deadline of an intent has passed; never exceeded. */
  readonly urgentCeilingPerGas: bigint;
}

/** `hold`: no allowed fee would get the transaction in; the caller waits and keeps what it has in flight alive. */
export type FeeDecision =
  | { readonly kind: "fees"; readonly fees: Fees }
  | { readonly kind: "hold"; readonly neededPerGas: bigint; readonly ceilingPerGas: bigint };

/** Nodes refuse a replacement that raises either fee by less than this (geth `txpool.pricebump`). */
export const MIN_BUMP_PERCENT = 10n;
/** The fee cap leaves room for this many times the base fee, so that six full blocks in a row do not strand it. */
const BASE_FEE_ROOM = 2n;

export function ceilingOf(limits: FeeLimits, urgent: boolean): bigint {
  return urgent ? limits.urgentCeilingPerGas : limits.ceilingPerGas;
}

/** FEE-1: fees of a first transaction in a nonce: twice the base fee and the tip, under the ceiling. */
export function initialFees(market: Market, limits: FeeLimits, urgent: boolean): FeeDecision {
  const ceilingPerGas = ceilingOf(limits, urgent);
  const tip = clamp(market.tipPerGas, limits.minTipPerGas, limits.maxTipPerGas);
  const neededPerGas = market.baseFeePerGas + tip;
  if (neededPerGas > ceilingPerGas) return { kind: "hold", neededPerGas, ceilingPerGas };
  const wanted = market.baseFeePerGas * BASE_FEE_ROOM + tip;
  return { kind: "fees", fees: { maxFeePerGas: min(wanted, ceilingPerGas), maxPriorityFeePerGas: tip } };
}

/**
 * FEE-2: fees of a replacement in the same nonce. Both fees rise by `bumpPercent` or to what the market asks, whichever
 * is more; under a ceiling that leaves less, by no less than what nodes require. A ceiling below that holds.
 */
export function bumpedFees(previous: Fees, market: Market, limits: FeeLimits, urgent: boolean): FeeDecision {
  const ceilingPerGas = ceilingOf(limits, urgent);
  const leastFee = raise(previous.maxFeePerGas, MIN_BUMP_PERCENT);
  const leastTip = raise(previous.maxPriorityFeePerGas, MIN_BUMP_PERCENT);
  const marketTip = clamp(market.tipPerGas, limits.minTipPerGas, limits.maxTipPerGas);
  const neededPerGas = max(max(leastFee, leastTip), market.baseFeePerGas + leastTip);
  if (neededPerGas > ceilingPerGas) return { kind: "hold", neededPerGas, ceilingPerGas };
  const wantedTip = max(raise(previous.maxPriorityFeePerGas, limits.bumpPercent), marketTip);
  const wantedFee = max(
    raise(previous.maxFeePerGas, limits.bumpPercent),
    market.baseFeePerGas * BASE_FEE_ROOM + wantedTip,
  );
  const maxFeePerGas = min(wantedFee, ceilingPerGas);
  const maxPriorityFeePerGas = max(leastTip, min(wantedTip, maxFeePerGas - market.baseFeePerGas));
  return { kind: "fees", fees: { maxFeePerGas, maxPriorityFeePerGas } };
}

/** `value` raised by `percent`, rounded up, and by one wei at least: a node compares with "greater or equal". */
function raise(value: bigint, percent: bigint): bigint {
  const raised = (value * (100n + percent) + 99n) / 100n;
  return raised > value ? raised : value + 1n;
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  return min(max(value, low), high);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
