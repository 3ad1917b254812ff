import { dataLength, getBytes } from "ethers";

/**
 * What a transaction that was traced under Osaka rules will cost under Glamsterdam's, as far as its EIPs are scheduled
 * (EIP-7773): EIP-2780 (base), EIP-7976 (calldata floor), EIP-8037 (new state), EIP-8038 (access to state). Compute keeps
 * its prices (EIP-7904), so everything else counts as traced.
 */

/** One step of `debug_traceTransaction`. */
export interface Step {
  readonly op: string;
  readonly depth: number;
  readonly gas: number;
  readonly gasCost: number;
  /** Hex words, the top of the stack last. */
  readonly stack: readonly string[];
}

export interface TracedTransaction {
  readonly from: string;
  readonly to: string;
  readonly data: string;
  /** After refunds and floor. */
  readonly gasUsed: number;
  readonly steps: readonly Step[];
}

const BASE = { osaka: 21_000, glamsterdam: 12_000 + 3_000 };
const CALLDATA = { zero: 4, other: 16 };
const FLOOR = { zero: 10, other: 40, glamsterdam: 64 };

const STATE_BYTE = 1_530;
const NEW_SLOT = 64 * STATE_BYTE;
const NEW_ACCOUNT = 120 * STATE_BYTE;
const STORAGE_WRITE = 10_000;
const WARM = 100;
const COLD_SLOT = 2_100;
/** By what an SSTORE costs today: what it will. Every other one stays: it writes nothing, or again. */
const SSTORE = new Map([
  [2_900, WARM + STORAGE_WRITE],
  [5_000, COLD_SLOT + STORAGE_WRITE],
  [20_000, WARM + STORAGE_WRITE + NEW_SLOT],
  [22_100, COLD_SLOT + STORAGE_WRITE + NEW_SLOT],
]);
const COLD_ACCOUNT = { osaka: 2_600, glamsterdam: 3_000 };
const CREATE = { osaka: 32_000, glamsterdam: 9_000 + NEW_ACCOUNT };
const CODE_BYTE = 200;
const CODE_HASH_WORD = 6;
/** Clearing a slot is all that these contracts are refunded for: the guard against reentrancy is transient. */
const CLEARED_SLOT = { osaka: 4_800, glamsterdam: 11_616 };
const REFUND_DIVISOR = 5;
const PRECOMPILES_END = 0x100n;

const CALLS = new Set(["CALL", "STATICCALL", "DELEGATECALL", "CALLCODE"]);
const CODE_READS = new Set(["EXTCODESIZE", "EXTCODECOPY"]);

/** Gas of the whole transaction under Glamsterdam rules, regular and state gas together. */
export function glamsterdamGas(transaction: TracedTransaction): number {
  const { data, gasUsed, steps } = transaction;
  const zeros = getBytes(data).filter((byte) => byte === 0).length;
  const others = dataLength(data) - zeros;
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) throw new Error("the transaction runs no code");

  const execution = first.gas - (last.gas - last.gasCost);
  const spent = BASE.osaka + CALLDATA.zero * zeros + CALLDATA.other * others + execution;
  const floor = BASE.osaka + FLOOR.zero * zeros + FLOOR.other * others;
  const refunded = gasUsed === floor ? 0 : spent - gasUsed;

  const repriced = spent - BASE.osaka + BASE.glamsterdam + difference(transaction);
  const refund = Math.min(
    (refunded * CLEARED_SLOT.glamsterdam) / CLEARED_SLOT.osaka,
    Math.floor(repriced / REFUND_DIVISOR),
  );
  return Math.max(repriced - refund, BASE.glamsterdam + FLOOR.glamsterdam * (zeros + others));
}

/** By how much all steps get dearer. */
function difference({ from, to, steps }: TracedTransaction): number {
  const warm = new Set([BigInt(from), BigInt(to)]);
  const touch = (word: string): number => {
    const account = BigInt(word);
    if (account < PRECOMPILES_END || warm.has(account)) return 0;
    warm.add(account);
    return COLD_ACCOUNT.glamsterdam - COLD_ACCOUNT.osaka;
  };
  let sum = 0;
  for (const [index, step] of steps.entries()) {
    if (step.op === "SSTORE") sum += (SSTORE.get(step.gasCost) ?? step.gasCost) - step.gasCost;
    else if (CALLS.has(step.op)) sum += touch(peek(step, 1));
    else if (CODE_READS.has(step.op)) sum += WARM + touch(peek(step, 0));
    else if (step.op === "CREATE") sum += creation(steps, index);
  }
  return sum;
}

/** A new account costs its state, its code by the byte, and the hash of that. */
function creation(steps: readonly Step[], index: number): number {
  const depth = steps[index]?.depth ?? 0;
  const end = steps.findIndex((step, at) => at > index && step.depth <= depth);
  const returned = steps[end - 1];
  if (returned?.op !== "RETURN") throw new Error("the creation failed");
  const length = Number(BigInt(peek(returned, 1)));
  const code = length * (STATE_BYTE - CODE_BYTE) + CODE_HASH_WORD * Math.ceil(length / 32);
  return CREATE.glamsterdam - CREATE.osaka + code;
}

/** A word of the stack, counted from the top. */
function peek({ op, stack }: Step, depth: number): string {
  const word = stack.at(-1 - depth);
  if (word === undefined) throw new Error(`${op} on a stack of ${String(stack.length)}`);
  return word.startsWith("0x") ? word : `0x${word}`;
}
