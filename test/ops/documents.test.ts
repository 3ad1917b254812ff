import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { TABLE } from "../../relayer/config.ts";
import { createProgram } from "../../src/cli/program.ts";
import { NODE_FIELDS } from "../../src/node/nodeConfig.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const DOCUMENTS = [
  ...["README.md", "relayer/README.md", "docs/operating.md", "docs/integration.md"],
  ...readdirSync(join(ROOT, "docs/runbook")).map((name) => `docs/runbook/${name}`),
];
const texts = DOCUMENTS.map((path) => ({ path, text: read(path).replace(/ \\\n\s*/g, " ") }));

/** Commands of a program as a document writes them, up to the end of the line or of the quotation. */
function written(program: string): { readonly path: string; readonly words: readonly string[] }[] {
  return texts.flatMap(({ path, text }) =>
    [...text.matchAll(new RegExp(`npm run ${program} -- ([^\\n\`#|]+)`, "g"))].map(([, line = ""]) => ({
      path,
      words: line.trim().split(/\s+/),
    })),
  );
}

/** Follows the words of a command line down to the command that they name. */
function commandOf(words: readonly string[]): { readonly command: Command; readonly left: readonly string[] } {
  let command = createProgram();
  const left = [...words];
  for (let next = left[0]; next !== undefined; next = left[0]) {
    const below = command.commands.find((each) => each.name() === next);
    if (below === undefined) break;
    command = below;
    left.shift();
  }
  return { command, left };
}

describe("documents name what there is", () => {
  const commands = written("crema");

  it("some commands are written", () => {
    expect(commands.length).toBeGreaterThan(20);
  });

  it.each(commands)("$path: crema $words", ({ words }) => {
    const { command, left } = commandOf(words);
    expect(command.commands.length, "a command, not a group of them").toBe(0);
    const flags = left.filter((word) => word.startsWith("--")).map((word) => word.replace(/=.*/, ""));
    const known = command.options.map((option) => option.long);
    expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
    const isShort = words.includes("…") || words.includes("$ON") || flags.length === 0;
    const missing = command.options.filter((option) => option.mandatory && !flags.includes(option.long ?? ""));
    if (!isShort) expect(missing.map((option) => option.long)).toEqual([]);
  });

  it.each(written("relayer"))("$path: relayer $words", ({ words }) => {
    expect(words.join(" ")).toMatch(/^(run|config check|config print|status|retry|drain)\b/);
  });

  it("examples of configuration have settings that exist", () => {
    const tables: Readonly<Record<string, object>> = { validator: NODE_FIELDS, relayer: TABLE };
    const blocks = [...read("docs/operating.md").matchAll(/```yaml\n\s*# (\w+)\n([\s\S]*?)```/g)];
    expect(blocks.map(([, whose]) => whose)).toEqual(["validator", "relayer"]);
    for (const [, whose = "", text = ""] of blocks) {
      const given: unknown = parse(text);
      const names = typeof given === "object" && given !== null ? Object.keys(given) : [];
      expect(names.length).toBeGreaterThan(5);
      expect(names.filter((name) => !(name in (tables[whose] ?? {})))).toEqual([]);
    }
  });

  it("the integration guide's code is that of the script, which is checked and run", () => {
    const lines = new Set(
      read("scripts/confirm.ts")
        .split("\n")
        .map((line) => line.trim()),
    );
    const blocks = [...read("docs/integration.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    expect(blocks.length).toBe(3);
    expect(blocks.flatMap((block) => block.split("\n").filter((line) => !lines.has(line.trim())))).toEqual([]);
  });
});
