import { createHash } from "node:crypto";
import { basename } from "node:path";

import { probeImport, withProbe } from "../mutation/probe.ts";
import { type Choice, type Edit, PLACE, pureWords, statementEnd, withChoices } from "../mutation/schemata.ts";
import {
  childOf,
  childrenOf,
  endOf,
  lineAt,
  type Node,
  type Sources,
  startOf,
  textOf,
  walk,
} from "../mutation/solidity.ts";

/**
 * Every way that control can go: both outcomes of each condition and of each operand of `&&` and `||`, some rounds and none
 * of each loop, and each end of each `try`. Inline assembly has no branches in this project.
 */
export interface Branch {
  /** File, function, what and a number that depends on the text only. */
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** Test contracts are not covered, they cover. */
export function isCovered(file: string): boolean {
  return file.startsWith("contracts/") && !file.startsWith("contracts/test/");
}

interface Decision {
  readonly edits: readonly (readonly [Node, (first: number) => string])[];
  /** One for each branch. */
  readonly ways: readonly string[];
  readonly node: Node;
}

const outcome = (first: number): string => `Probe.branch(${PLACE}, ${String(first)}, ${String(first + 1)})`;

function condition(node: Node | undefined): Decision[] {
  return node === undefined ? [] : [{ node, ways: ["true", "false"], edits: [[node, outcome]] }];
}

function loop(node: Node): Decision[] {
  const again = childOf(node, "condition");
  if (again === undefined) return [];
  const rounds = `rounds${String(node.id)}`;
  const test = (first: number): string => `Probe.loop(${PLACE}, ${rounds}++, ${String(first)}, ${String(first + 1)})`;
  return [
    {
      node: again,
      ways: ["some", "none"],
      edits: [
        [again, test],
        [node, () => `{ uint256 ${rounds} = 0; ${PLACE} }`],
      ],
    },
  ];
}

/** The two ends of a call that may fail. The probe stands first in each clause. */
function attempt(node: Node): Decision[] {
  return childrenOf(node, "clauses").map((clause, index) => {
    const block = childOf(clause, "block") ?? clause;
    return {
      node: block,
      ways: [index === 0 ? "success" : "failure"],
      edits: [[block, (first: number) => `{ Probe.hit(${String(first)}); ${PLACE} }`]],
    };
  });
}

function decisionsAt(node: Node): Decision[] {
  switch (node.nodeType) {
    case "IfStatement":
    case "Conditional":
      return condition(childOf(node, "condition"));
    case "BinaryOperation":
      if (!["&&", "||"].includes(textOf(node, "operator"))) return [];
      return [...condition(childOf(node, "leftExpression")), ...condition(childOf(node, "rightExpression"))];
    case "ForStatement":
    case "WhileStatement":
      return loop(node);
    case "TryStatement":
      return attempt(node);
    default:
      return [];
  }
}

function functionOf(parents: readonly Node[]): string {
  const found = parents.find(({ nodeType }) => nodeType === "FunctionDefinition" || nodeType === "ModifierDefinition");
  return found === undefined ? "" : textOf(found, "name") || textOf(found, "kind");
}

function statementish(text: string, node: Node): number {
  return node.nodeType.endsWith("Statement") ? statementEnd(text, node) : endOf(node);
}

/** The branches of all covered files, and the sources that tell which of them, by place in the list, is taken. */
export function instrument(
  sources: Sources,
  trees: ReadonlyMap<string, Node>,
): { branches: Branch[]; sources: Map<string, string> } {
  const branches: Branch[] = [];
  const choices: Choice[] = [];
  const seen = new Map<string, number>();
  const put = (edit: Edit): void => void choices.push({ index: -1, condition: "", edit });
  for (const [file, tree] of trees) {
    const text = sources.get(file);
    if (text === undefined) continue;
    for (const edit of pureWords(file, text, tree)) put(edit);
    if (!isCovered(file)) continue;
    const before = branches.length;
    for (const { node, parents } of walk(tree)) {
      for (const { node: place, ways, edits } of decisionsAt(node)) {
        const where = `${basename(file, ".sol")}.${functionOf(parents)}`;
        const own = text.slice(startOf(place), endOf(place)).replace(/\s+/g, " ");
        const occurrence = seen.get(`${where} ${own}`) ?? 0;
        seen.set(`${where} ${own}`, occurrence + 1);
        const number = createHash("sha256")
          .update(`${own} ${String(occurrence)}`)
          .digest("hex")
          .slice(0, 6);
        for (const [inner, wrap] of edits) {
          put({
            file,
            kind: "around",
            start: startOf(inner),
            end: statementish(text, inner),
            text: wrap(branches.length),
          });
        }
        for (const way of ways) {
          branches.push({
            id: `${where}/${way}/${number}`,
            file,
            line: lineAt(text, startOf(place)),
            what: `${way}: ${own.slice(0, 120)}`,
          });
        }
      }
    }
    if (branches.length > before) put(probeImport(file, tree));
  }
  return { branches, sources: withChoices(withProbe(sources), choices) };
}
