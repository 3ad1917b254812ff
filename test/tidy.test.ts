import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { describe, expect, it } from "vitest";

import { RATCHET } from "./tidy.ratchet.ts";

/** The style as a test: what is a rule is checked by a program, not by a reviewer. */

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)));
const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const matching = (pattern: RegExp): string[] => tracked.filter((path) => pattern.test(path));
const production = matching(/^(src|relayer)\/.*(?<!\.d)\.ts$/);
const typescript = matching(/^(src|relayer|test|scripts|deploy)\/.*\.ts$/);
const solidity = matching(/^contracts\/.*\.sol$/);

const parsed = new Map<string, ts.SourceFile>();
function parse(path: string): ts.SourceFile {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const file = ts.createSourceFile(path, text(path), ts.ScriptTarget.Latest, true);
  parsed.set(path, file);
  return file;
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

/** Repository paths of the files that `path` imports. */
function imports(path: string): string[] {
  const found: string[] = [];
  walk(parse(path), (node) => {
    const isImport = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    const specifier = isImport
      ? node.moduleSpecifier
      : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
        ? node.arguments[0]
        : ts.isNewExpression(node) && node.expression.getText() === "URL"
          ? node.arguments?.[0]
          : undefined;
    if (specifier !== undefined && ts.isStringLiteral(specifier) && specifier.text.startsWith(".")) {
      found.push(relative(ROOT, join(ROOT, dirname(path), specifier.text)));
    }
  });
  return found;
}

/** Lower may not import higher; folders of one tier may not import each other. */
const TIERS: readonly (readonly string[])[] = [
  ["runtime"],
  ["codec", "config"],
  ["crypto"],
  ["protocol"],
  ["consensus", "dispersal", "lightclient", "mempool"],
  ["storage", "network", "l1", "signer"],
  ["engine", "api", "sdk"],
  ["node"],
  ["cli"],
];
const RELAYER_MAY_IMPORT = new Set(["runtime", "codec", "config", "crypto", "protocol", "lightclient", "l1", "sdk"]);
/** Arrows inside a tier that stand for a port: the importing side says in one direction only what it needs. */
const SAME_TIER_ARROWS = new Set(["signer -> storage", "signer -> network"]);

const folderOf = (path: string): string => (path.startsWith("src/") ? (path.split("/")[1] ?? "") : "relayer");
const tierOf = (folder: string): number => TIERS.findIndex((tier) => tier.includes(folder));

describe("structure", () => {
  it("arrows go down: a file imports from lower tiers or its own folder", () => {
    const wrong: string[] = [];
    for (const path of production) {
      const from = folderOf(path);
      for (const target of imports(path)) {
        const to = folderOf(target);
        if (from === to || !/^(src|relayer)\//.test(target)) continue;
        const allowed =
          from === "relayer"
            ? RELAYER_MAY_IMPORT.has(to)
            : to !== "relayer" && (tierOf(to) < tierOf(from) || SAME_TIER_ARROWS.has(`${from} -> ${to}`));
        if (!allowed) wrong.push(`${path} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("every production folder has a tier", () => {
    const folders = new Set(production.filter((path) => path.startsWith("src/")).map(folderOf));
    expect([...folders].filter((folder) => tierOf(folder) === -1)).toEqual([]);
  });

  it("no file is dead: each is imported, or started by a script", () => {
    const scripts =
      text("package.json") +
      matching(/\.(json|yml|yaml|service|sh)$|^\.ci\//)
        .map(text)
        .join("");
    const reached = new Set(typescript.flatMap(imports));
    const started = (path: string): boolean =>
      scripts.includes(path) ||
      typescript.some(
        (other) => other !== path && new RegExp(`["/]${path.split("/").pop() ?? path}"`).test(text(other)),
      );
    expect(production.filter((path) => !reached.has(path) && !started(path))).toEqual([]);
  });

  it("there is one barrel: the SDK's", () => {
    const barrels = production.filter((path) => {
      const { statements } = parse(path);
      return (
        statements.length > 0 &&
        statements.every((node) => ts.isExportDeclaration(node) || ts.isImportDeclaration(node))
      );
    });
    expect(barrels.filter((path) => path !== "src/sdk/index.ts")).toEqual([]);
    expect(production.filter((path) => /\/(utils|helpers|types|misc|common)\.ts$/.test(path))).toEqual([]);
  });
});

/** [banned, what to use instead, files that may]. */
const BANNED: readonly (readonly [RegExp, string, RegExp])[] = [
  [
    /\bDate\.now\(|\bnew Date\(\)/,
    "clock.wallMs()",
    /^src\/runtime\/|^src\/cli\/|^test\/|^scripts\/|^relayer\/main\.ts$/,
  ],
  [/\bMath\.random\(/, "Random from src/runtime", /^$/],
  [
    /\bsetTimeout\(|\bsetInterval\(/,
    "Clock.setTimer",
    /^src\/runtime\/|^src\/cli\/|^test\/|^scripts\/|^relayer\/main\.ts$/,
  ],
  [
    /\bprocess\.env\b/,
    "a row of a config table",
    /^src\/(cli|node|config)\/|^relayer\/(main|config)|^test\/|^scripts\/|^deploy\//,
  ],
  [/\bconsole\./, "Logger", /^src\/cli\/|^test\/|^scripts\/|^deploy\//],
  [/\b(describe|it|test)\.only\(/, "nothing: run one file instead", /^$/],
  [/\b(it|describe|test)\.skip\(/, "nothing: a test runs or is deleted", /^$/],
  [/\b(TODO|FIXME|XXX)\b/, "an issue", /^$/],
  [/\bas Verified\b/, "a verify function of src/protocol", /^src\/protocol\//],
];

describe("words", () => {
  it.each(BANNED)("%s is not written; use %s", (pattern, _, allowed) => {
    const files = typescript.filter((path) => !path.startsWith("test/tidy") && !allowed.test(path));
    const hits = files.flatMap((path) =>
      text(path)
        .split("\n")
        .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(hits).toEqual([]);
  });

  it("no file names a machine's path or a package registry", () => {
    const leak = new RegExp(["/wor[k]/(main|shared)", "/hom[e]/", "registry\\.npmj[s]", "/roo[t]/"].join("|"));
    const files = tracked.filter((path) => path !== "package-lock.json" && !/\.(png|wasm)$/.test(path));
    expect(files.filter((path) => leak.test(text(path)))).toEqual([]);
  });

  it("every Markdown file has exactly one first-level heading", () => {
    const headings = (path: string): number =>
      text(path)
        .replace(/^```[\s\S]*?^```/gm, "")
        .split("\n")
        .filter((line) => /^# /.test(line)).length;
    expect(matching(/\.md$/).filter((path) => headings(path) !== 1)).toEqual([]);
  });
});

/** Compares what is over a limit with the recorded excess, which may only shrink. */
function expectWithin(over: Readonly<Record<string, number>>, recorded: Readonly<Record<string, number>>): void {
  const grown = Object.entries(over).filter(([name, size]) => size > (recorded[name] ?? 0));
  expect(grown).toEqual([]);
  const shrunk = Object.entries(recorded).filter(([name, size]) => (over[name] ?? 0) < size);
  expect(shrunk, "the ratchet only goes down: lower these in test/tidy.ratchet.ts").toEqual([]);
}

describe("sizes", () => {
  it(`source files have at most ${FILE_LINES_MAX} lines`, () => {
    const over: Record<string, number> = {};
    for (const path of [...typescript, ...solidity]) {
      const lines = text(path).split("\n").length - 1;
      if (lines > FILE_LINES_MAX) over[path] = lines;
    }
    expectWithin(over, RATCHET.fileLines);
  });

  it(`functions have at most ${FUNCTION_LINES_MAX} lines`, () => {
    const over: Record<string, number> = {};
    for (const path of production) {
      walk(parse(path), (node) => {
        if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return;
        const file = parse(path);
        const from = file.getLineAndCharacterOfPosition(node.getStart()).line;
        const lines = file.getLineAndCharacterOfPosition(node.getEnd()).line - from + 1;
        if (lines <= FUNCTION_LINES_MAX) return;
        const name = `${path}:${node.name?.getText() ?? "anonymous"}`;
        over[name] = Math.max(over[name] ?? 0, lines);
      });
    }
    expectWithin(over, RATCHET.functionLines);
  });
});

/** [noun, TypeScript, Solidity, vectors]: one name in four places. */
const NOUNS: readonly (readonly [string, string, string])[] = [
  ["Header", "Header", "header"],
  ["Vote", "Vote", "vote"],
  ["Certificate", "Certificate", "certificate"],
  ["Resume", "Resume", "resume"],
  ["Registration", "Register", "registration"],
  ["Domain", "Domain", "domain"],
];

describe("nouns", () => {
  it.each(NOUNS)("%s stands in specification, TypeScript, Solidity and vectors", (noun, contract, vectors) => {
    expect(existsSync(join(ROOT, `src/protocol/${noun}.ts`))).toBe(true);
    expect(existsSync(join(ROOT, `contracts/types/${contract}.sol`))).toBe(true);
    expect(existsSync(join(ROOT, `test/vectors/${vectors}.json`))).toBe(true);
    expect(text("docs/spec/data-structures.md")).toMatch(new RegExp(`^#+ ${noun}$`, "m"));
  });

  it("custom errors have names that are unique across the contracts", () => {
    const declared = new Map<string, string>();
    const twice: string[] = [];
    for (const path of solidity.filter((file) => !file.startsWith("contracts/test/"))) {
      for (const [, name] of text(path).matchAll(/^\s*error (\w+)\(/gm)) {
        const other = declared.get(name!);
        if (other !== undefined) twice.push(`${name!}: ${other} and ${path}`);
        declared.set(name!, path);
      }
    }
    expect(declared.size).toBeGreaterThan(0);
    expect(twice).toEqual([]);
  });

  it("assembly stands only where it is allowed", () => {
    const allowed = new Set([
      "contracts/libraries/BLS.sol",
      "contracts/libraries/KeyPages.sol",
      "contracts/libraries/CommitteeCode.sol",
    ]);
    const files = solidity.filter((path) => !path.startsWith("contracts/test/") && /\bassembly\b/.test(text(path)));
    expect(files.filter((path) => !allowed.has(path))).toEqual([]);
  });
});

describe("rules", () => {
  const RULE = /\b([A-Z]{2,10}-\d{1,3})\b/g;
  const specified = new Set(
    matching(/^docs\/spec\/.*\.md$/).flatMap((path) =>
      [...text(path).matchAll(/\*\*([A-Z]{2,10}-\d{1,3})\*\*/g)].map((m) => m[1]!),
    ),
  );
  const prefixes = new Set([...specified].map((id) => id.split("-")[0]!));

  it("every rule of the specification is named by a test", () => {
    const tests = matching(/^test\/.*\.(ts|txt|sol)$|^contracts\/test\/.*\.sol$/)
      .map(text)
      .join("\n");
    const named = new Set([...tests.matchAll(RULE)].map((m) => m[1]!));
    expect(specified.size).toBeGreaterThan(0);
    expect([...specified].filter((id) => !named.has(id))).toEqual([]);
  });

  it("every rule that code or tests name is in the specification", () => {
    const unknown = new Set<string>();
    for (const path of [...typescript, ...solidity]) {
      if (path.startsWith("test/tidy")) continue;
      for (const [, id] of text(path).matchAll(RULE)) {
        if (prefixes.has(id!.split("-")[0]!) && !specified.has(id!)) unknown.add(`${id!} in ${path}`);
      }
    }
    expect([...unknown]).toEqual([]);
  });
});
