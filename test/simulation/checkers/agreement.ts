import type { Trace } from "../world.ts";
import type { Violation } from "./violation.ts";

/** Agreement: no two honest machines ever store different blocks at one height, nor one machine over its crashes. */
export function checkAgreement(trace: Trace, honest: ReadonlySet<number>): Violation[] {
  const first = new Map<bigint, { readonly machine: number; readonly hash: string }>();
  const violations: Violation[] = [];
  for (const { machine, height, hash } of trace.stored) {
    if (!honest.has(machine)) continue;
    const known = first.get(height);
    if (known === undefined) first.set(height, { machine, hash });
    else if (known.hash !== hash) {
      const detail = `height ${String(height)}: machine ${String(known.machine)} has ${known.hash}, ${String(machine)} has ${hash}`;
      violations.push({ property: "agreement", detail });
    }
  }
  return violations;
}
