import type { Vote } from "../../../src/protocol/Vote.ts";
import type { Trace } from "../world.ts";
import type { Violation } from "./violation.ts";

/** What one signer said in one (epoch, view), written down without the production rules. */
interface Said {
  readonly notarized: Set<string>;
  readonly finalized: Set<string>;
  nullified: boolean;
}

/** No honest validator is ever slashable: over all crashes, none of the pairs S1 to S4 was signed with its key. */
export function checkSlashable(trace: Trace, honest: ReadonlySet<number>): Violation[] {
  const rounds = new Map<string, Said>();
  const violations: Violation[] = [];
  for (const { machine, vote } of trace.signed) {
    if (!honest.has(machine)) continue;
    const key = `${String(machine)} epoch ${String(vote.epoch)} view ${String(vote.view)}`;
    const said = rounds.get(key) ?? { notarized: new Set<string>(), finalized: new Set<string>(), nullified: false };
    rounds.set(key, said);
    note(said, vote);
    for (const pair of pairsOf(said)) violations.push({ property: "slashable", detail: `machine ${key}: ${pair}` });
  }
  return violations;
}

function note(said: Said, vote: Vote): void {
  if (vote.kind === "nullify") said.nullified = true;
  else if (vote.kind === "notarize") said.notarized.add(vote.block);
  else said.finalized.add(vote.block);
}

function pairsOf({ notarized, finalized, nullified }: Said): string[] {
  const pairs: string[] = [];
  if (notarized.size > 1) pairs.push("S1");
  if (finalized.size > 1) pairs.push("S2");
  if (nullified && finalized.size > 0) pairs.push("S3");
  if ([...notarized].some((block) => [...finalized].some((other) => other !== block))) pairs.push("S4");
  return pairs;
}
