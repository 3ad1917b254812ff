import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./solidity.ts";

/** The contract tests, as files below one folder. */

export const TESTS = join(ROOT, "test/contracts");

/** Tests of what instrumenting changes: sizes of code, and what is declared. */
const LEFT_OUT = /^(sizes|errors|scratch|attacks\/table)\.test\.ts$/;

export function testFiles(): string[] {
  const paths = readdirSync(TESTS, { recursive: true, encoding: "utf8" }).sort();
  return paths.filter((path) => path.endsWith(".test.ts") && !LEFT_OUT.test(path));
}

/** What a test file's outcome depends on beside the contracts: itself and all that tests share. */
export function versionOf(file: string): string {
  const shared = readdirSync(join(TESTS, "support"), { recursive: true, encoding: "utf8" }).sort();
  const digest = createHash("sha256");
  for (const path of [file, ...shared.map((name) => join("support", name))]) {
    digest.update(path).update(readFileSync(join(TESTS, path)));
  }
  return digest.digest("hex");
}
