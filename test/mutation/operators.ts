import { switchedModifier, type Edit, statementEnd } from "./schemata.ts";
import { childOf, childrenOf, endOf, isNode, type Node, type Placed, startOf, textOf, typeOf } from "./solidity.ts";

/** What is changed: each operator gives texts that stand in for a node's own. */

export interface Replacement {
  readonly operator: string;
  readonly edits: readonly Edit[];
}

interface Place extends Placed {
  readonly file: string;
  readonly text: string;
}

const RELATIONAL: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "==": ["!="],
  "!=": ["=="],
};
const ARITHMETIC: Readonly<Record<string, readonly string[]>> = {
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "<<": [">>"],
  ">>": ["<<"],
  "&": ["|"],
  "|": ["&"],
  "^": ["&"],
};
const LOGICAL: Readonly<Record<string, string>> = { "&&": "||", "||": "&&" };
const COMPOUND: Readonly<Record<string, readonly string[]>> = {
  "+=": ["-=", "="],
  "-=": ["+=", "="],
  "*=": ["="],
  "|=": ["&=", "="],
  "&=": ["|=", "="],
};
/** Library functions that are taken for one another. */
const SIBLINGS: Readonly<Record<string, string>> = {
  "Math.min": "Math.max",
  "Math.max": "Math.min",
  "Math.Rounding.Ceil": "Math.Rounding.Floor",
  "Math.Rounding.Floor": "Math.Rounding.Ceil",
};
const EXPRESSIONS = new Set([
  "Assignment",
  "BinaryOperation",
  "Conditional",
  "FunctionCall",
  "FunctionCallOptions",
  "Identifier",
  "IndexAccess",
  "IndexRangeAccess",
  "Literal",
  "MemberAccess",
  "TupleExpression",
  "UnaryOperation",
]);
const INTEGER = /^(u?int\d+)$/;
const UNTYPED = /^(int_const|rational_const|literal_string)/;

const slice = ({ text }: Place, node: Node): string => text.slice(startOf(node), endOf(node));

/** The text of `node` with other texts for some nodes inside it. */
function spliced(place: Place, node: Node, changes: readonly (readonly [Node, string])[]): string {
  let out = "";
  let at = startOf(node);
  for (const [inner, text] of [...changes].sort(([a], [b]) => startOf(a) - startOf(b))) {
    out += place.text.slice(at, startOf(inner)) + text;
    at = endOf(inner);
  }
  return out + place.text.slice(at, endOf(node));
}

/** Whether the value of an expression is written to, so that no conditional expression can stand for it. */
function isWritten({ node, parents }: Placed): boolean {
  const [parent] = parents;
  if (parent === undefined || !EXPRESSIONS.has(parent.nodeType)) return false;
  if (parent.nodeType === "Assignment") return childOf(parent, "leftHandSide") === node;
  if (parent.nodeType === "UnaryOperation") return ["++", "--", "delete"].includes(textOf(parent, "operator"));
  const isPath =
    parent.nodeType === "MemberAccess" ||
    (parent.nodeType === "IndexAccess" && childOf(parent, "baseExpression") === node) ||
    parent.nodeType === "TupleExpression";
  return isPath && isWritten({ node: parent, parents: parents.slice(1) });
}

/**
 * The edit that gives an expression another text, at the nearest place that can have a conditional expression or an `if`.
 * A number has no type of its own, and what is called or written to is no value: what holds them is taken instead.
 */
function editOf(place: Place, changes: readonly (readonly [Node, string])[]): Edit | undefined {
  const path = [place.node, ...place.parents];
  for (const [index, node] of path.entries()) {
    const parents = path.slice(index + 1);
    const [parent] = parents;
    if (parent === undefined) return undefined;
    if (node.nodeType === "ExpressionStatement" || node.nodeType === "EmitStatement") {
      if (isHeader(node, parent)) return undefined;
      return statementEdit(place, node, `${spliced(place, node, changes)};`);
    }
    if (!EXPRESSIONS.has(node.nodeType)) return undefined;
    const isOperand = EXPRESSIONS.has(parent.nodeType);
    const isCalled = isOperand && childOf(parent, "expression") === node && parent.nodeType !== "MemberAccess";
    const isVoid = /^(tuple|function|type|error|modifier|module)\b/.test(typeOf(node));
    if (UNTYPED.test(typeOf(node)) && isOperand) continue;
    if (isVoid || isCalled || isWritten({ node, parents })) continue;
    if (
      parent.nodeType === "ExpressionStatement" ||
      parent.nodeType === "EmitStatement" ||
      parent.nodeType === "RevertStatement"
    )
      continue;
    return {
      file: place.file,
      kind: "expression",
      start: startOf(node),
      end: endOf(node),
      text: `(${spliced(place, node, changes)})`,
    };
  }
  return undefined;
}

/** Whether a statement is part of a loop's head. */
function isHeader(statement: Node, parent: Node | undefined): boolean {
  return parent?.nodeType === "ForStatement" && childOf(parent, "body") !== statement;
}

function statementEdit({ file, text }: Place, node: Node, replaced: string): Edit {
  return { file, kind: "statement", start: startOf(node), end: statementEnd(text, node), text: replaced };
}

function* binary(place: Place): Generator<[string, string]> {
  const { node } = place;
  const left = childOf(node, "leftExpression");
  const right = childOf(node, "rightExpression");
  if (left === undefined || right === undefined) return;
  const operator = textOf(node, "operator");
  const grouped = (operand: Node): string =>
    operand.nodeType === "BinaryOperation" ? `(${slice(place, operand)})` : slice(place, operand);
  const [a, b] = [grouped(left), grouped(right)];
  for (const other of RELATIONAL[operator] ?? []) yield ["relational", `${a} ${other} ${b}`];
  for (const other of ARITHMETIC[operator] ?? []) yield ["arithmetic", `${a} ${other} ${b}`];
  if (operator === "/") yield ["rounding", `Math.ceilDiv(${a}, ${b})`];
  const logical = LOGICAL[operator];
  if (logical === undefined) return;
  yield ["logical", `${a} ${logical} ${b}`];
  yield ["operand", a];
  yield ["operand", b];
}

function* literal(place: Place): Generator<[string, string]> {
  const { node, parents } = place;
  if (textOf(node, "kind") === "bool") yield ["constant", textOf(node, "value") === "true" ? "false" : "true"];
  if (textOf(node, "kind") !== "number" || textOf(node, "value").startsWith("0x")) return;
  // `uint256[4]`, `uint40(0)` and the like: a cast's own number is one of the language, not of the program.
  if (parents[0]?.nodeType === "ArrayTypeName") return;
  yield ["constant", `(${slice(place, node)} + 1)`];
  if (textOf(node, "value") !== "0") yield ["constant", `(${slice(place, node)} - 1)`];
}

/** Two arguments of one type, swapped. */
function* call(place: Place): Generator<[string, string]> {
  const { node } = place;
  const args = childrenOf(node, "arguments");
  const called = childOf(node, "expression");
  if (called === undefined || textOf(node, "kind") === "typeConversion") return;
  const name = slice(place, called);
  for (const [i, first] of args.entries()) {
    for (const second of args.slice(i + 1)) {
      const [a, b] = [slice(place, first), slice(place, second)];
      if (typeOf(first) !== typeOf(second) || a === b || UNTYPED.test(typeOf(first))) continue;
      if (name === "Math.min" || name === "Math.max" || (name === "Math.mulDiv" && i === 0 && second === args[1]))
        continue;
      yield [
        "arguments",
        spliced(place, node, [
          [first, b],
          [second, a],
        ]),
      ];
    }
  }
  const [a, b] = args.map((each) => slice(place, each));
  if (name === "Math.mulDiv" && args.length === 3) {
    yield ["rounding", `${slice(place, node).replace(/,?\s*\)$/, "")}, Math.Rounding.Ceil)`];
  }
  if (name === "Math.ceilDiv" && a !== undefined && b !== undefined) yield ["rounding", `(${a}) / (${b})`];
  if (name === "Math.saturatingSub" && a !== undefined) yield ["arithmetic", a];
}

/** Other texts for an expression, each with the operator that gave it. */
function* expressionTexts(place: Place): Generator<[string, string]> {
  const { node } = place;
  const own = slice(place, node);
  const sub = childOf(node, "subExpression");
  if (node.nodeType === "BinaryOperation") yield* binary(place);
  if (node.nodeType === "Literal") yield* literal(place);
  if (node.nodeType === "FunctionCall") yield* call(place);
  if (node.nodeType === "MemberAccess" && SIBLINGS[own] !== undefined) {
    yield [own.includes("Rounding") ? "rounding" : "sibling", SIBLINGS[own]];
  }
  if (node.nodeType === "UnaryOperation" && sub !== undefined) {
    const operator = textOf(node, "operator");
    if (operator === "!" || operator === "~") yield ["unary", slice(place, sub)];
    if (operator === "++" || operator === "--") yield ["unary", own.replace(operator, operator === "++" ? "--" : "++")];
  }
  if (node.nodeType === "Assignment") {
    const [left, right] = [childOf(node, "leftHandSide"), childOf(node, "rightHandSide")];
    if (left === undefined || right === undefined) return;
    for (const other of COMPOUND[textOf(node, "operator")] ?? []) {
      yield ["assignment", `${slice(place, left)} ${other} ${slice(place, right)}`];
    }
  }
}

/** Conditions forced one way. A guard that always reverts is no interesting mutant. */
function* conditionTexts(place: Place): Generator<[string, string]> {
  const [parent] = place.parents;
  if (parent === undefined || childOf(parent, "condition") !== place.node) return;
  if (parent.nodeType !== "IfStatement" && parent.nodeType !== "Conditional") return;
  const body = childOf(parent, "trueBody");
  const only = body?.nodeType === "Block" ? childrenOf(body, "statements")[0] : body;
  const isGuard = only?.nodeType === "RevertStatement";
  yield [isGuard ? "guard" : "condition", "false"];
  if (!isGuard) yield ["condition", "true"];
}

/** Returned values: another truth, one more, nothing. */
function* returnTexts(place: Place): Generator<[string, string]> {
  const { node, parents } = place;
  if (parents[0]?.nodeType !== "Return") return;
  const own = slice(place, node);
  const type = typeOf(node);
  if (type === "bool" && node.nodeType !== "BinaryOperation") yield ["return", `!(${own})`];
  if (INTEGER.test(type)) {
    yield ["return", `(${own}) + 1`];
    yield ["return", "0"];
  }
  if (type === "bytes32" || type === "address") yield ["return", `${type}(0)`];
}

const DELETED = new Set(["ExpressionStatement", "EmitStatement", "Continue", "Break"]);

function* statements(place: Place): Generator<Replacement> {
  const { node, parents } = place;
  // A pointer to storage that nothing sets is not a program.
  const isPointer = typeOf(childOf(node, "expression") ?? node).endsWith("storage pointer");
  if (DELETED.has(node.nodeType) && !isHeader(node, parents[0]) && !isPointer) {
    yield {
      operator: node.nodeType === "EmitStatement" ? "event" : "deletion",
      edits: [statementEdit(place, node, "")],
    };
  }
  if (node.nodeType === "ModifierInvocation" && node.kind === "modifierInvocation") {
    const name = childOf(node, "modifierName");
    if (name === undefined) return;
    const text = switchedModifier(textOf(name, "name"));
    yield {
      operator: "modifier",
      edits: [{ file: place.file, kind: "modifier", start: startOf(node), end: endOf(node), text }],
    };
  }
}

/** Every replacement that the operators know for one node inside a function. */
export function* replacementsOf(place: Place): Generator<Replacement> {
  yield* statements(place);
  if (!EXPRESSIONS.has(place.node.nodeType)) return;
  for (const source of [expressionTexts, conditionTexts, returnTexts]) {
    for (const [operator, text] of source(place)) {
      const edit = editOf(place, [[place.node, text]]);
      if (edit !== undefined) yield { operator, edits: [edit] };
    }
  }
}

/** One more and one less of a constant, wherever functions of its file use it. */
export function* constantReplacements(declaration: Node, uses: readonly Place[]): Generator<Replacement> {
  if (!INTEGER.test(typeOf(declaration)) || !isNode(declaration.value) || uses.length === 0) return;
  for (const change of ["+ 1", "- 1"]) {
    const edits = uses.map((use) => editOf(use, [[use.node, `(${slice(use, use.node)} ${change})`]]));
    yield { operator: "constant", edits: edits.filter((edit) => edit !== undefined) };
  }
}

export type { Place };
