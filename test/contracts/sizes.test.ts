import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import { describe, it } from "mocha";

/** EIP-170: no contract's code is longer. */
const CODE_BYTES_MAX = 24_576;
const ARTIFACTS = new URL("../../artifacts/contracts/", import.meta.url).pathname;

/** [name, bytes of deployed code] of everything that is deployed, test contracts left out. */
function sizes(): [string, number][] {
  return readdirSync(ARTIFACTS, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json") && !path.startsWith("test/") && !path.startsWith("interfaces/"))
    .map((path): [string, number] => {
      const artifact = JSON.parse(readFileSync(join(ARTIFACTS, path), "utf8")) as { deployedBytecode?: string };
      return [path, ((artifact.deployedBytecode ?? "0x").length - 2) / 2];
    });
}

describe("contract sizes", () => {
  it("SIZE-1: every contract fits the limit of EIP-170", () => {
    const all = sizes();
    expect(all.map(([path]) => path)).to.include("StakeTable.sol/StakeTable.json");
    expect(all.filter(([, bytes]) => bytes > CODE_BYTES_MAX)).to.deep.equal([]);
  });
});
