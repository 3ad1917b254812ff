import { childOf, childrenOf, endOf, type Node, type Sources, startOf, textOf, walk } from "./solidity.ts";

/**
 * Mutant schemata (Untch, Offutt, Harrold, 1993): all mutants stand in one program, and one is chosen at run time, so that
 * one compilation serves all. What chooses is `block.coinbase`: it costs two gas, needs no storage, and a test network sets
 * it in one call. Pure functions become view functions for it.
 */

/**
 * An expression becomes a conditional one, a statement an `if`; a modifier becomes one that takes the condition under which
 * it is off. A word is replaced, and what is around a place added, whatever the choice.
 */
export type SiteKind = "expression" | "statement" | "modifier" | "word" | "around";

/** Stands for the place itself in a text around it. */
export const PLACE = "@";

/** One alternative text for the bytes from `start` to `end` of a file. */
export interface Edit {
  readonly file: string;
  readonly kind: SiteKind;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Choice {
  /** Which mutant it belongs to. */
  readonly index: number;
  /** What Solidity asks for. */
  readonly condition: string;
  readonly edit: Edit;
}

/** The beneficiary for which a mutant is active; the first addresses are precompiles. */
const FIRST_BENEFICIARY = 0x10000;

export function beneficiaryOf(index: number): string {
  return `0x${(FIRST_BENEFICIARY + index).toString(16).padStart(40, "0")}`;
}

export function conditionOf(index: number): string {
  return `block.coinbase == address(${String(FIRST_BENEFICIARY + index)})`;
}

interface Site {
  readonly kind: SiteKind;
  readonly start: number;
  readonly end: number;
  readonly choices: Choice[];
  readonly inner: Site[];
}

/** Of sites at one place, those that come first are outside. */
const NESTING: readonly SiteKind[] = ["statement", "around", "expression", "modifier", "word"];

/** Sites by nesting: those of one place join, statements around expressions. */
function nest(choices: readonly Choice[]): Site[] {
  const sites = new Map<string, Site>();
  for (const choice of choices) {
    const { kind, start, end } = choice.edit;
    const key = `${String(start)}:${String(end)}:${kind}`;
    const site = sites.get(key) ?? { kind, start, end, choices: [], inner: [] };
    sites.set(key, site);
    site.choices.push(choice);
  }
  const sorted = [...sites.values()].sort(
    (a, b) => a.start - b.start || b.end - a.end || NESTING.indexOf(a.kind) - NESTING.indexOf(b.kind),
  );
  const outer: Site[] = [];
  const open: Site[] = [];
  for (const site of sorted) {
    while ((open.at(-1)?.end ?? Infinity) <= site.start) open.pop();
    (open.at(-1)?.inner ?? outer).push(site);
    open.push(site);
  }
  return outer;
}

function render(text: string, start: number, end: number, sites: readonly Site[]): string {
  let out = "";
  let at = start;
  for (const site of sites) {
    out += text.slice(at, site.start) + renderSite(text, site);
    at = site.end;
  }
  return out + text.slice(at, end);
}

function renderSite(text: string, site: Site): string {
  const [first] = site.choices;
  // Comments tell which mutant a compiler's error is about.
  const marked = ({ index, edit }: Choice): string => `/*<${String(index)}*/ ${edit.text} /*${String(index)}>*/`;
  if (site.kind === "word" && first !== undefined) return first.edit.text;
  if (site.kind === "modifier" && first !== undefined) return `${first.edit.text}(${first.condition})`;
  const original = render(text, site.start, site.end, site.inner);
  if (site.kind === "around") {
    // A function as the second argument: `$` in what it gives means nothing.
    return site.choices.reduce((inner, { edit }) => edit.text.replace(PLACE, () => inner), original);
  }
  if (site.kind === "expression") {
    const arms = site.choices.map((choice) => `${choice.condition} ? ${marked(choice)} : `);
    return `(${arms.join("")}${original})`;
  }
  const arms = site.choices.map((choice) => `if (${choice.condition}) { ${marked(choice)} } else `);
  return `{ ${arms.join("")}{ ${original} } }`;
}

/** The sources with all choices in them. */
export function withChoices(sources: Sources, choices: readonly Choice[]): Map<string, string> {
  const byFile = Map.groupBy(choices, ({ edit }) => edit.file);
  return new Map(
    [...sources].map(([path, text]) => [path, render(text, 0, text.length, nest(byFile.get(path) ?? []))]),
  );
}

/** Indices of the mutants whose own text is at an offset of such sources, or whose choice begins there. */
export function choicesAt(text: string, offset: number): number[] {
  const found = new Set<number>();
  for (const [, index] of text.slice(0, offset + 1).matchAll(/\/\*<(\d+)\*\//g)) found.add(Number(index));
  for (const [, index] of text.slice(0, offset).matchAll(/\/\*(\d+)>\*\//g)) found.delete(Number(index));
  const [, beneficiary] = /^\(?block\.coinbase == address\((\d+)/.exec(text.slice(offset, offset + 80)) ?? [];
  return beneficiary === undefined ? [...found] : [Number(beneficiary) - FIRST_BENEFICIARY];
}

/** Functions that are pure, made view. */
export function pureWords(file: string, text: string, tree: Node): Edit[] {
  const edits: Edit[] = [];
  for (const { node } of walk(tree)) {
    if (node.stateMutability !== "pure") continue;
    const body = childOf(node, "body");
    const end = body === undefined ? endOf(node) : startOf(body);
    const found = /\bpure\b/.exec(text.slice(startOf(node), end));
    if (found === null) continue;
    const start = startOf(node) + found.index;
    edits.push({ file, kind: "word", start, end: start + found[0].length, text: "view" });
  }
  return edits;
}

export function switchedModifier(name: string): string {
  return `${name}Unless`;
}

/** Beside each modifier without parameters, one that can be switched off. */
export function switchedModifiers(file: string, text: string, tree: Node, names: ReadonlySet<string>): Edit[] {
  const edits: Edit[] = [];
  for (const { node } of walk(tree)) {
    const body = childOf(node, "body");
    if (node.nodeType !== "ModifierDefinition" || body === undefined || !names.has(textOf(node, "name"))) continue;
    const statements = childrenOf(body, "statements");
    const placeholder = statements.findIndex(({ nodeType }) => nodeType === "PlaceholderStatement");
    const part = (nodes: readonly Node[]): string =>
      nodes.map((each) => text.slice(startOf(each), statementEnd(text, each))).join(" ");
    const before = part(statements.slice(0, placeholder));
    const after = part(statements.slice(placeholder + 1));
    const added = `modifier ${switchedModifier(textOf(node, "name"))}(bool off) { if (!off) { ${before} } _; if (!off) { ${after} } } `;
    edits.push({ file, kind: "word", start: startOf(node), end: startOf(node), text: added });
  }
  return edits;
}

/** The tree leaves out the semicolon that ends a simple statement. */
export function statementEnd(text: string, node: Node): number {
  const end = endOf(node);
  return /^\s*;/.test(text.slice(end)) ? text.indexOf(";", end) + 1 : end;
}
