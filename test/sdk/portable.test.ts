import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

const SDK = fileURLToPath(new URL("../../src/sdk/index.ts", import.meta.url));
/** What a browser bundle may contain. */
const PACKAGES = ["@noble/", "ethers", "hash-wasm", "mcl-wasm", "zod"];

/** Everything that the SDK imports at run time, from file to file; `import type` leaves nothing behind. */
function imports(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  for (const [, clause = "", specifier = ""] of text.matchAll(/^(?:import|export)\s([^;]*?)\bfrom\s+"([^"]+)";/gms)) {
    if (clause.startsWith("type ")) continue;
    if (specifier.startsWith(".")) imports(resolve(dirname(file), specifier), seen);
    else seen.add(specifier);
  }
  return seen;
}

it("the SDK runs in browsers: it imports no module of Node and only portable packages", () => {
  const specifiers = [...imports(SDK)].filter((name) => !name.startsWith("/"));
  expect(specifiers.length).toBeGreaterThan(3);
  expect(specifiers.filter((name) => !PACKAGES.some((allowed) => name.startsWith(allowed)))).toEqual([]);
});
