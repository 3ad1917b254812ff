import { readFileSync } from "node:fs";

import { parse as parseYaml } from "yaml";

import { assert } from "../runtime/assert.ts";

/** One setting of a program: where it may come from, what it means, how its text is read. */
export interface Field<T> {
  /** Environment variable. */
  readonly env: string;
  /** One line for `--help` and the documentation. */
  readonly description: string;
  /** Reads the text of a flag, variable or file; throws `FieldError` with a sentence that says what is expected. */
  readonly parse: (text: string) => T;
  /** Text that stands for an absent setting; a field without it must be given. */
  readonly default?: string;
  /** Never printed. */
  readonly secret?: boolean;
}

export type Table = Readonly<Record<string, Field<unknown>>>;
export type Values<T extends Table> = { readonly [K in keyof T]: T[K] extends Field<infer V> ? V : never };

/** A rule between settings; the sentence is what the operator reads. */
export interface Relation<V> {
  readonly sentence: string;
  readonly holds: (values: V) => boolean;
}

/** A text that is no value of its field. */
export class FieldError extends Error {
  override readonly name = "FieldError";
}

/** A configuration that cannot be used: every problem found, one sentence each, naming field and origin. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

export interface Sources {
  /** By field name, from the command line. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of a YAML or JSON file with field names as keys. */
  readonly file?: string;
}

/** A configuration file larger than this is a mistake. */
export const CONFIG_FILE_BYTES_MAX = 256 * 1024;

interface Given {
  readonly text: string;
  readonly origin: string;
}

/** Flag before environment before file before default; throws `ConfigError` with all problems at once. */
export function readConfig<T extends Table>(
  table: T,
  relations: readonly Relation<Values<T>>[],
  from: Sources,
): Values<T> {
  const problems: string[] = [];
  const file = from.file === undefined ? {} : readFileValues(from.file, table, problems);
  const entries = Object.entries(table).map(([name, field]) => {
    const given = find(name, field, from, file);
    if (given === undefined) {
      problems.push(`${name} is missing: give --${flagName(name)}, ${field.env} or \`${name}\` in the file`);
      return [name, undefined] as const;
    }
    try {
      return [name, field.parse(given.text)] as const;
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      const shown = field.secret === true ? "(hidden)" : JSON.stringify(given.text.slice(0, 100));
      problems.push(`${name} (${given.origin}) is ${shown}: ${error.message}`);
      return [name, undefined] as const;
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
  const values = Object.fromEntries(entries);
  assert(isComplete(table, values), "every setting of a table must have a value");
  const broken = relations.filter((relation) => !relation.holds(values)).map((relation) => relation.sentence);
  if (broken.length > 0) throw new ConfigError(broken);
  return values;
}

function find(
  name: string,
  field: Field<unknown>,
  from: Sources,
  file: Readonly<Record<string, Given>>,
): Given | undefined {
  const flag = from.flags[name];
  if (flag !== undefined) return { text: flag, origin: `--${flagName(name)}` };
  const env = from.env[field.env];
  if (env !== undefined && env !== "") return { text: env, origin: field.env };
  return file[name] ?? (field.default === undefined ? undefined : { text: field.default, origin: "default" });
}

/** Each value was made by its own field's parser: what is left to check is that all are there. */
function isComplete<T extends Table>(table: T, values: Readonly<Record<string, unknown>>): values is Values<T> {
  return Object.keys(table).every((name) => name in values);
}

function readFileValues(path: string, table: Table, problems: string[]): Record<string, Given> {
  const parsed = parseFile(path);
  const out: Record<string, Given> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (!(name in table)) problems.push(`${name} (${path}) is not a setting; see \`crema config\` for the list`);
    else if (value === null || (typeof value === "object" && !isScalarList(value))) {
      problems.push(`${name} (${path}) must be a text, a number, a truth value or a list of those`);
    } else out[name] = { text: isScalarList(value) ? value.join(",") : scalarText(value), origin: path };
  }
  return out;
}

function scalarText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parseFile(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError([
      `the file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
  if (text.length > CONFIG_FILE_BYTES_MAX) {
    throw new ConfigError([`the file ${path} is longer than ${String(CONFIG_FILE_BYTES_MAX)} bytes`]);
  }
  let parsed: unknown;
  try {
    parsed = parseYaml(text);
  } catch (error) {
    const first = error instanceof Error ? (error.message.split("\n")[0] ?? "") : "";
    throw new ConfigError([`the file ${path} is neither YAML nor JSON: ${first}`]);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new ConfigError([`the file ${path} must hold settings by name`]);
  }
  return Object.fromEntries(Object.entries(parsed));
}

function isScalarList(value: unknown): value is readonly (string | number | boolean)[] {
  return Array.isArray(value) && value.every((entry) => ["string", "number", "boolean"].includes(typeof entry));
}

/** `apiPort` is `--api-port` on the command line. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (part) => `-${part.toLowerCase()}`);
}

/** What an operator may see of a configuration: secrets and credentials left out. */
export function redacted<T extends Table>(table: T, values: Values<T>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, table[name]?.secret === true ? "(hidden)" : value]),
  );
}
