import { readFileSync } from "node:fs";

import { expect } from "chai";
import ts from "typescript";

/** `docs/spec/attacks.md` is true as far as a program can see: every test that it names exists. */

const TABLE = new URL("../../../docs/spec/attacks.md", import.meta.url);
const TESTS = new URL("../", import.meta.url);

interface Row {
  readonly attack: string;
  readonly shownBy: readonly { readonly file: string; readonly title: string }[];
}

/** `| attack | why it fails | shown by |`, the last as "`file`: title" with breaks between. */
function rows(): Row[] {
  const lines = readFileSync(TABLE, "utf8").split("\n");
  return lines
    .filter((line) => /^\| (?!attack |---)/.test(line))
    .map((line) => {
      const [attack = "", , tests = ""] = line.replace(/^\| | \|$/g, "").split(" | ");
      const shownBy = tests.split("<br>").map((test) => {
        const [, file = "", title = ""] = /^`([^`]+)`: (.+)$/.exec(test) ?? [];
        return { file, title };
      });
      return { attack, shownBy };
    });
}

const known = new Map<string, readonly string[]>();

/** Titles of the tests in a file. */
function titles(file: string): readonly string[] {
  const before = known.get(file);
  if (before !== undefined) return before;
  const source = ts.createSourceFile(file, readFileSync(new URL(file, TESTS), "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === "it") {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteral(title)) found.push(title.text);
    }
    node.forEachChild(visit);
  };
  visit(source);
  known.set(file, found);
  return found;
}

describe("the table of attacks", () => {
  it("names tests that exist, at least one for each attack", () => {
    const missing = rows().flatMap(({ attack, shownBy }) =>
      shownBy
        .filter(({ file, title }) => file === "" || !titles(file).includes(title))
        .map(({ file, title }) => `${attack}: ${file}: ${title}`),
    );
    expect(rows().length).to.be.greaterThan(50);
    expect(missing).to.deep.equal([]);
  });
});
