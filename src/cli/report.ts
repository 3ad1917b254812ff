import type { Command } from "commander";

import { print } from "./terminal.ts";

/** What every command takes that says something. */
export interface ReportOptions {
  readonly json?: boolean;
}

/** A result: a sentence for people, values for programs. */
export interface Report {
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export function addJsonOption(command: Command): Command {
  return command.option("--json", "print one JSON object; amounts and numbers of the chain are decimal text");
}

export function report(options: ReportOptions, { text, value }: Report): void {
  print(options.json === true ? toJson(value) : text);
}

/** JSON has no integers of this size: they are text. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === "bigint" ? part.toString() : part));
}

/** Names and values below each other, for people. */
export function table(rows: readonly (readonly [string, unknown])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, value]) => `${name.padEnd(width)}${String(value)}`).join("\n");
}
