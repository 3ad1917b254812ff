import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import ts from "typescript";

/**
 * Every custom error and every event of the production contracts is reached by a test: some test asserts that a call
 * reverts with it or emits it. What only mentions a name does not count.
 */

type Assertion = "revertedWithCustomError" | "emit";
const CONTRACTS = fileURLToPath(new URL("../../contracts/", import.meta.url));
const TESTS = fileURLToPath(new URL(".", import.meta.url));

function filesUnder(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(extension));
}

function declared(kind: "error" | "event"): string[] {
  const names = filesUnder(CONTRACTS, ".sol")
    .filter((path) => !path.startsWith("test/"))
    .flatMap((path) => [...readFileSync(join(CONTRACTS, path), "utf8").matchAll(/^\s*(error|event) (\w+)\(/gm)])
    .filter(([, found]) => found === kind)
    .map(([, , name = ""]) => name);
  return names.sort();
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => {
    walk(child, visit);
  });
}

function calledName({ expression }: ts.CallExpression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
}

/** Where a call names it: the assertion in its second argument, a function around it in the argument passed on. */
function assertions(file: ts.SourceFile, assertion: Assertion): Map<string, number> {
  const places = new Map<string, number>([[assertion, 1]]);
  walk(file, (node) => {
    if (!ts.isFunctionLike(node)) return;
    const name = ts.isVariableDeclaration(node.parent) ? node.parent.name : node.name;
    if (name === undefined) return;
    walk(node, (inner) => {
      if (!ts.isCallExpression(inner) || calledName(inner) !== assertion) return;
      const passed = node.parameters.findIndex(
        (parameter) => parameter.name.getText() === inner.arguments[1]?.getText(),
      );
      if (passed >= 0) places.set(name.getText(), passed);
    });
  });
  return places;
}

function assertedBy(assertion: Assertion): Set<string> {
  const asserted = new Set<string>();
  for (const path of filesUnder(TESTS, ".ts")) {
    const file = ts.createSourceFile(path, readFileSync(join(TESTS, path), "utf8"), ts.ScriptTarget.Latest, true);
    const places = assertions(file, assertion);
    walk(file, (node) => {
      if (!ts.isCallExpression(node)) return;
      const given = node.arguments[places.get(calledName(node)) ?? -1];
      if (given !== undefined && ts.isStringLiteral(given)) asserted.add(given.text);
    });
  }
  return asserted;
}

describe("what the contracts say", () => {
  it("every custom error is reached by a test", () => {
    const asserted = assertedBy("revertedWithCustomError");
    expect(declared("error").length).to.be.greaterThan(100);
    expect(declared("error").filter((name) => !asserted.has(name))).to.deep.equal([]);
  });

  it("every event is reached by a test", () => {
    const asserted = assertedBy("emit");
    expect(declared("event").length).to.be.greaterThan(30);
    expect(declared("event").filter((name) => !asserted.has(name))).to.deep.equal([]);
  });
});
