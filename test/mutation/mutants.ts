import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { constantReplacements, type Place, type Replacement, replacementsOf } from "./operators.ts";
import { probeImport, probeOf, withProbe } from "./probe.ts";
import {
  type Choice,
  choicesAt,
  conditionOf,
  type Edit,
  pureWords,
  switchedModifiers,
  withChoices,
} from "./schemata.ts";
import { childOf, compile, errorsOf, lineAt, type Node, ROOT, type Sources, textOf, walk } from "./solidity.ts";

/** What is mutated: clients' trust, slashing, the arithmetic of shares, and the checks of a certificate. */
export const TARGETS: readonly string[] = [
  "contracts/LightClient.sol",
  "contracts/Slasher.sol",
  "contracts/StakeTable.sol",
  "contracts/libraries/Pools.sol",
  "contracts/libraries/Certificates.sol",
  "contracts/types/ClientState.sol",
  "contracts/types/Evidence.sol",
];

export interface Mutant {
  /** File, function, operator and a number that depends on the change only, so that it survives edits elsewhere. */
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly operator: string;
  /** The text before and after, on one line. */
  readonly before: string;
  readonly after: string;
  readonly edits: readonly Edit[];
}

/** Everything inside functions and modifiers of a file, with the function's name. */
function* placesOf(file: string, text: string, tree: Node): Generator<[string, Place]> {
  for (const { node, parents } of walk(tree)) {
    const isFunction = node.nodeType === "FunctionDefinition" || node.nodeType === "ModifierDefinition";
    if (!isFunction || childOf(node, "body") === undefined) continue;
    const name = textOf(node, "name") || textOf(node, "kind");
    for (const placed of walk(node, parents)) yield [name, { ...placed, file, text }];
  }
}

function shorten(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 160);
}

/** Whether a place may be where a constant is used; the length of an array type must stay constant. */
function isUse({ node, parents }: Place): boolean {
  const isName = node.nodeType === "Identifier" || node.nodeType === "MemberAccess";
  return isName && !parents.some(({ nodeType }) => nodeType === "ArrayTypeName");
}

/** All mutants of the targets, in the order of the files, with duplicates left out. */
export function enumerate(sources: Sources, trees: ReadonlyMap<string, Node>, targets = TARGETS): Mutant[] {
  const mutants = new Map<string, Mutant>();
  const seen = new Map<string, number>();
  const add = (file: string, where: string, { operator, edits }: Replacement): void => {
    const [first] = edits;
    const text = sources.get(file);
    if (first === undefined || text === undefined) return;
    const before = shorten(text.slice(first.start, first.end));
    const after = shorten(first.text);
    if (`(${before})` === after || before === after) return;
    const change = edits.map((edit) => `${String(edit.start)} ${String(edit.end)} ${edit.text}`).join("\n");
    if (mutants.has(change)) return;
    const what = `${where} ${operator} ${before} ${after}`;
    const occurrence = seen.get(what) ?? 0;
    seen.set(what, occurrence + 1);
    const number = createHash("sha256")
      .update(`${what} ${String(occurrence)}`)
      .digest("hex")
      .slice(0, 6);
    const id = `${basename(file, ".sol")}.${where}/${operator}/${number}`;
    mutants.set(change, { id, file, line: lineAt(text, first.start), operator, before, after, edits });
  };
  const bodies = new Map<string, Place[]>();
  for (const file of targets) {
    const text = sources.get(file);
    const tree = trees.get(file);
    if (text === undefined || tree === undefined) throw new Error(`${file} is not there`);
    const places = [...placesOf(file, text, tree)];
    for (const [where, place] of places) {
      for (const replacement of replacementsOf(place)) add(file, where, replacement);
    }
    bodies.set(
      file,
      places.map(([, place]) => place),
    );
  }
  const uses = [...bodies.values()].flat().filter(isUse);
  for (const file of targets) {
    for (const { node } of walk(trees.get(file)!)) {
      if (node.nodeType !== "VariableDeclaration" || node.constant !== true) continue;
      const own = uses.filter((use) => use.node.referencedDeclaration === node.id);
      for (const replacement of constantReplacements(node, own)) add(file, textOf(node, "name"), replacement);
    }
  }
  return [...mutants.values()];
}

/**
 * For each mutant, the first ones at its places. A program that only tells which places are reached holds those and no others,
 * which makes it a third as long.
 */
export function firstAtPlaces(mutants: readonly Mutant[]): number[][] {
  const first = new Map<string, number>();
  return mutants.map(({ edits }, index) =>
    edits.map(({ file, kind, start, end }) => {
      const place = `${file} ${kind} ${String(start)} ${String(end)}`;
      const known = first.get(place) ?? index;
      first.set(place, known);
      return known;
    }),
  );
}

/** The one program that holds the mutants; or, to see which test reaches which, a probe at each of their places. */
export function schemata(
  sources: Sources,
  trees: ReadonlyMap<string, Node>,
  mutants: readonly Mutant[],
  isProbing = false,
): Map<string, string> {
  const all = isProbing ? withProbe(sources) : new Map(sources);
  const fixed: Choice[] = [];
  const probed = new Set(isProbing ? mutants.flatMap(({ edits }) => edits.map(({ file }) => file)) : []);
  const condition = isProbing ? probeOf : conditionOf;
  const modifiers = new Set(
    mutants.filter(({ operator }) => operator === "modifier").map(({ before }) => before.replace(/\(.*/, "")),
  );
  for (const [file, tree] of trees) {
    const path = join(ROOT, "node_modules", file);
    const text = all.get(file) ?? (existsSync(path) ? readFileSync(path, "latin1") : undefined);
    if (text === undefined) continue;
    const added = switchedModifiers(file, text, tree, modifiers);
    if (added.length > 0) all.set(file, text);
    const words = sources.has(file) ? pureWords(file, text, tree) : [];
    const imports = probed.has(file) ? [probeImport(file, tree)] : [];
    fixed.push(...[...added, ...words, ...imports].map((edit) => ({ index: -1, condition: "", edit })));
  }
  const firsts = firstAtPlaces(mutants);
  const choices = mutants.flatMap(({ edits }, index) =>
    edits
      .filter((_, edit) => !isProbing || firsts[index]?.[edit] === index)
      .map((edit) => ({ index, condition: condition(index), edit })),
  );
  return withChoices(all, [...fixed, ...choices]);
}

/** The mutants that are programs: those that the compiler refuses are left out. */
export function compilable(sources: Sources, trees: ReadonlyMap<string, Node>, mutants: readonly Mutant[]): Mutant[] {
  let left = [...mutants];
  for (;;) {
    const texts = schemata(sources, trees, left);
    const errors = errorsOf(compile(texts, { "*": { "": ["ast"] } }));
    if (errors.length === 0) return left;
    const refused = new Set<number>();
    for (const error of errors) {
      const { file, start } = error.sourceLocation ?? { file: "", start: 0 };
      const found = choicesAt(texts.get(file) ?? "", start);
      if (found.length === 0) throw new Error(error.formattedMessage);
      for (const index of found) refused.add(index);
    }
    left = left.filter((_, index) => !refused.has(index));
  }
}
