import { InvalidArgumentError, type Command } from "commander";

import { flagName, type Sources, type Table } from "../config/configTable.ts";

/** Adds one option per setting of a table, and `--config` for the file. */
export function addSettings(command: Command, table: Table): Command {
  command.option("--config <file>", "YAML or JSON file with settings by name");
  for (const [name, field] of Object.entries(table)) {
    const fallback = field.default === undefined || field.default === "" ? "" : ` (default ${field.default})`;
    command.option(`--${flagName(name)} <value>`, `${field.description} [${field.env}]${fallback}`);
  }
  return command;
}

/** Where the settings of a command line come from. */
export function sourcesOf(options: Readonly<Record<string, string | undefined>>): Sources {
  const { config, ...flags } = options;
  return { flags, env: process.env, ...(config === undefined ? {} : { file: config }) };
}

/** Parses an option that counts something. */
export function wholeNumber(text: string): bigint {
  if (!/^\d{1,78}$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return BigInt(text);
}

/** Parses an L1 address. */
export function l1Address(text: string): `0x${string}` {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError("expected a 20-byte 0x address");
  return `0x${text.slice(2).toLowerCase()}`;
}

/** Parses a key's hash. */
export function keyHashText(text: string): `0x${string}` {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError("expected a 32-byte 0x hash");
  return `0x${text.slice(2).toLowerCase()}`;
}
