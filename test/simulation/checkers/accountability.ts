import type { Engine } from "../../../src/engine/engine.ts";
import type { Committee } from "../../../src/protocol/Committee.ts";
import type { Evidence, Statement } from "../../../src/protocol/Evidence.ts";
import type { Violation } from "./violation.ts";

/** The validators that signed a statement, read from key or bitmap without the production rules. */
function signersOf(statement: Statement, committees: readonly Committee[]): bigint[] {
  const { signers } = statement;
  if (signers.kind === "key") return [signers.validator];
  const committee = committees.find(({ id }) => id === signers.committee);
  return (committee?.members ?? []).flatMap(({ validator }, index) => {
    const isAbsent = ((signers.absent[index >> 3] ?? 0) >> (index & 7)) & 1;
    return isAbsent === 1 ? [] : [validator];
  });
}

function isPair({ first, second }: Evidence): boolean {
  const [a, b] = [first.message, second.message];
  if (a.kind === "resume" || b.kind === "resume") return false;
  if (a.epoch !== b.epoch || a.view !== b.view) return false;
  if (a.kind === "nullify" || b.kind === "nullify") return a.kind === "finalize" || b.kind === "finalize";
  return a.block !== b.block;
}

/** Weight of everyone whom the evidence of these nodes convicts, and the total, in one committee. */
export async function convictedWeight(
  engines: readonly Engine[],
  committees: readonly Committee[],
  committee: Committee,
): Promise<{ readonly convicted: bigint; readonly total: bigint; readonly validators: ReadonlySet<bigint> }> {
  const validators = new Set<bigint>();
  for (const engine of engines) {
    for (const { evidence } of await engine.evidence(0, 1_000)) {
      if (!isPair(evidence)) continue;
      const second = new Set(signersOf(evidence.second, committees));
      for (const signer of signersOf(evidence.first, committees)) if (second.has(signer)) validators.add(signer);
    }
  }
  const weigh = (filter: (validator: bigint) => boolean): bigint =>
    committee.members.reduce((sum, { validator, weight }) => sum + (filter(validator) ? weight : 0n), 0n);
  return { convicted: weigh((validator) => validators.has(validator)), total: weigh(() => true), validators };
}

/**
 * Accountability: after a fork the evidence of the honest nodes together convicts more than a third, and nobody honest.
 */
export async function checkAccountability(
  engines: readonly Engine[],
  committees: readonly Committee[],
  committee: Committee,
  honest: ReadonlySet<bigint>,
): Promise<Violation[]> {
  const { convicted, total, validators } = await convictedWeight(engines, committees, committee);
  const violations: Violation[] = [];
  if (3n * convicted <= total) {
    const detail = `evidence convicts ${String(convicted)} of ${String(total)}`;
    violations.push({ property: "accountability", detail });
  }
  for (const validator of validators) {
    if (honest.has(validator)) {
      violations.push({ property: "accountability", detail: `honest validator ${String(validator)} is convicted` });
    }
  }
  return violations;
}
