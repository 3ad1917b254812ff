import { describe, expect, it } from "vitest";

import { EXPLAINED } from "../coverage/explained.ts";
import { instrument } from "../coverage/branches.ts";
import { EQUIVALENT } from "./equivalent.ts";
import { compilable, enumerate, schemata } from "./mutants.ts";
import { FILE, runnable, SAMPLE } from "./sample.ts";
import { beneficiaryOf } from "./schemata.ts";
import { parse, projectSources } from "./solidity.ts";

const sources = new Map([[FILE, SAMPLE]]);
const trees = parse(sources);
/** No mutant is that. */
const NOBODY = beneficiaryOf(1000);
const QUESTIONS = [0n, 1n, 2n, 4n, 5n, 6n, 9n, 10n, 11n].flatMap((amount) =>
  [true, false].map((isMember) => [amount, isMember] as const),
);

function priceOf(amount: bigint, isMember: boolean): bigint | undefined {
  return amount > 10n ? undefined : amount * (isMember && amount < 5n ? 2n : 3n);
}

describe("mutation testing", () => {
  const mutants = compilable(sources, trees, enumerate(sources, trees, [FILE]));

  it("MUT-1: every operator that applies changes the sample", () => {
    expect(mutants.map(({ operator, before, after }) => `${operator}: ${before} -> ${after}`)).toMatchSnapshot();
    expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length);
  });

  it("MUT-1: all stand in one program, which is the original until one is chosen; each behaves in its own way", async () => {
    const price = await runnable(schemata(sources, trees, mutants));
    for (const question of QUESTIONS) expect((await price(NOBODY, ...question)).price).toBe(priceOf(...question));
    for (const [index, { id }] of mutants.entries()) {
      const answers = await Promise.all(
        QUESTIONS.map(async (question) => (await price(beneficiaryOf(index), ...question)).price),
      );
      expect([id, answers]).not.toEqual([id, QUESTIONS.map((question) => priceOf(...question))]);
    }
  });

  it("MUT-2: every mutant that is called equivalent exists and has a reason", () => {
    const real = projectSources();
    const known = new Set(enumerate(real, parse(real)).map(({ id }) => id));
    expect(Object.keys(EQUIVALENT).filter((id) => !known.has(id))).toEqual([]);
    expect(Object.values(EQUIVALENT).filter((reason) => reason.length < 20)).toEqual([]);
  });
});

describe("branch coverage", () => {
  it("COV-1: every way through the sample has a probe that is reached when it is gone", async () => {
    const { branches, sources: probed } = instrument(sources, trees);
    const price = await runnable(probed);
    const taken = async (amount: bigint, isMember: boolean): Promise<string[]> => {
      const { hits } = await price(NOBODY, amount, isMember);
      return branches.filter((_, index) => hits.includes(index)).map(({ what }) => what);
    };
    expect(await taken(11n, true)).toEqual(["true: amount > LIMIT"]);
    expect(await taken(0n, true)).toEqual(["false: amount > LIMIT", "none: i < amount"]);
    expect(await taken(1n, true)).toEqual([
      "false: amount > LIMIT",
      "some: i < amount",
      "true: isMember && amount < 5",
      "true: isMember",
      "true: amount < 5",
    ]);
    expect(await taken(5n, false)).toEqual([
      "false: amount > LIMIT",
      "some: i < amount",
      "false: isMember && amount < 5",
      "false: isMember",
    ]);
    expect(await taken(6n, true)).toContain("false: amount < 5");
  });

  it("COV-1: every branch that is explained exists and has a reason", () => {
    const real = projectSources();
    const known = new Set(instrument(real, parse(real)).branches.map(({ id }) => id));
    expect(Object.keys(EXPLAINED).filter((id) => !known.has(id))).toEqual([]);
    expect(Object.values(EXPLAINED).filter((reason) => reason.length < 20)).toEqual([]);
  });
});
