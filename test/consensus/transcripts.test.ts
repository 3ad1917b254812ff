import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { replay } from "./transcript.ts";

/**
 * Golden transcripts. After a change, run `npx vitest run test/consensus/transcripts.test.ts -u` and read the diff:
 * commit it only if you understand what caused it.
 */
const FOLDER = new URL("transcripts/", import.meta.url);

describe("consensus transcripts", () => {
  for (const name of readdirSync(FOLDER).sort()) {
    it(name.replace(".txt", "").replaceAll("-", " "), async () => {
      const file = new URL(name, FOLDER);
      await expect(replay(readFileSync(file, "utf8"))).toMatchFileSnapshot(file.pathname);
    });
  }
});
