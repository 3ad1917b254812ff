import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The Solidity compiler and the syntax trees it gives. Offsets are bytes, so sources are kept as latin1 strings. */

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Path below the project's root, or of a package -> text, one character a byte. */
export type Sources = ReadonlyMap<string, string>;

export interface Node {
  readonly nodeType: string;
  readonly src: string;
  readonly id: number;
  readonly [key: string]: unknown;
}

/** A node with what leads to it, the nearest first. */
export interface Placed {
  readonly node: Node;
  readonly parents: readonly Node[];
}

export interface CompiledContract {
  readonly abi: unknown;
  readonly evm: {
    readonly bytecode: { readonly object: string; readonly linkReferences: unknown };
    readonly deployedBytecode: { readonly object: string; readonly linkReferences: unknown };
  };
}

export interface CompilerMessage {
  readonly severity: string;
  readonly formattedMessage: string;
  readonly sourceLocation?: { readonly file: string; readonly start: number };
}

export interface CompilerOutput {
  readonly errors?: readonly CompilerMessage[];
  readonly sources?: Readonly<Record<string, { readonly ast: Node }>>;
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
}

interface Solc {
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
}

/** Everything below `contracts`, or below another folder that stands for it. */
export function projectSources(folder = join(ROOT, "contracts")): Map<string, string> {
  const sources = new Map<string, string>();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    if (path.endsWith(".sol")) sources.set(join("contracts", path), readFileSync(join(folder, path), "latin1"));
  }
  return sources;
}

/** What is not among the sources is imported from the installed packages. */
export function compile(sources: Sources, outputSelection: object, settings: object = {}): CompilerOutput {
  const require = createRequire(import.meta.url);
  const solc = require("solc") as Solc;
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(
      [...sources].map(([path, text]) => [path, { content: Buffer.from(text, "latin1").toString("utf8") }]),
    ),
    settings: { evmVersion: "osaka", ...settings, outputSelection },
  };
  const find = (path: string): { contents: string } => ({
    contents: readFileSync(join(ROOT, "node_modules", path), "utf8"),
  });
  return JSON.parse(solc.compile(JSON.stringify(input), { import: find })) as CompilerOutput;
}

export function errorsOf(output: CompilerOutput): readonly CompilerMessage[] {
  return (output.errors ?? []).filter(({ severity }) => severity === "error");
}

/** The syntax tree of each file, imported ones included, with types resolved. */
export function parse(sources: Sources): ReadonlyMap<string, Node> {
  const output = compile(sources, { "*": { "": ["ast"] } });
  const [error] = errorsOf(output);
  if (error !== undefined) throw new Error(error.formattedMessage);
  return new Map(Object.entries(output.sources ?? {}).map(([path, { ast }]) => [path, ast]));
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "nodeType" in value && "src" in value;
}

export function childOf(node: Node, key: string): Node | undefined {
  const value = node[key];
  return isNode(value) ? value : undefined;
}

export function childrenOf(node: Node, key: string): readonly Node[] {
  const value = node[key];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function textOf(node: Node, key: string): string {
  const value = node[key];
  return typeof value === "string" ? value : "";
}

/** Solidity's name of an expression's type. */
export function typeOf(node: Node): string {
  const descriptions = node.typeDescriptions;
  if (typeof descriptions !== "object" || descriptions === null || !("typeString" in descriptions)) return "";
  return typeof descriptions.typeString === "string" ? descriptions.typeString : "";
}

export function startOf(node: Node): number {
  return Number(node.src.split(":")[0]);
}

export function endOf(node: Node): number {
  const [start, length] = node.src.split(":");
  return Number(start) + Number(length);
}

/** Every node below `root`, parents before children, in the order of the tree. Inline assembly is left out. */
export function* walk(root: Node, parents: readonly Node[] = []): Generator<Placed> {
  yield { node: root, parents };
  if (root.nodeType === "InlineAssembly") return;
  const below = [root, ...parents];
  for (const value of Object.values(root)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* walk(child, below);
  }
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

export function relativePath(path: string): string {
  return relative(ROOT, path);
}
