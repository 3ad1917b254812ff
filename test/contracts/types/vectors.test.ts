import { readFileSync } from "node:fs";

import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";
import { before, describe, it } from "mocha";

import { hashFromBytes, type Hash } from "../../../src/crypto/hash.ts";
import * as Domain from "../../../src/protocol/Domain.ts";
import * as Evidence from "../../../src/protocol/Evidence.ts";
import * as Header from "../../../src/protocol/Header.ts";
import * as Registration from "../../../src/protocol/Registration.ts";
import * as Resume from "../../../src/protocol/Resume.ts";
import { CommitteeId, Epoch, View } from "../../../src/protocol/scalars.ts";
import type * as Vote from "../../../src/protocol/Vote.ts";
import { header } from "../../support/arbitraries.ts";
import { DOMAIN, vectorFiles } from "../../vectors/vectors.ts";

const RUNS = { numRuns: 100 };
const KINDS = ["notarize", "nullify", "finalize", "resume"];
const ZERO = `0x${"00".repeat(32)}`;

type Row = Readonly<Record<string, string & Readonly<Record<string, string>>>>;
const vectors = (name: string): Row[] =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8")) as Row[];

const vote = fc
  .record({
    kind: fc.constantFrom("notarize", "nullify", "finalize"),
    epoch: fc.nat(1),
    view: fc.nat(1),
    block: fc.nat(1),
  })
  .map(({ kind, epoch, view, block }): Vote.Vote => {
    const round = { epoch: Epoch(BigInt(epoch)), view: View(BigInt(view)) };
    const named = hashFromBytes(new Uint8Array(32).fill(block + 1));
    return kind === "nullify" ? { kind, ...round } : { kind: kind, ...round, block: named };
  });
const resume = fc
  .record({ epoch: fc.nat(1), block: fc.nat(1), committee: fc.nat(1) })
  .map(({ epoch, block, committee }): Evidence.Message => ({
    kind: "resume",
    epoch: Epoch(BigInt(epoch)),
    block: hashFromBytes(new Uint8Array(32).fill(block + 1)),
    committee: CommitteeId(BigInt(committee)),
  }));

/** A message in the form of `contracts/types/Evidence.sol`. */
function onL1(message: Evidence.Message): object {
  return {
    kind: KINDS.indexOf(message.kind),
    epoch: message.epoch,
    viewNumber: message.kind === "resume" ? 0n : message.view,
    blockHash: message.kind === "nullify" ? ZERO : message.block,
    committee: message.kind === "resume" ? message.committee : 0n,
  };
}

async function harnessContract() {
  const { ethers } = await network.create();
  return ethers.deployContract("TypesHarness");
}

describe("types", () => {
  let harness: Awaited<ReturnType<typeof harnessContract>>;
  before(async () => {
    harness = await harnessContract();
  });

  it("VEC-2: domain separators are those of the vectors", async () => {
    const [salted, unsalted] = vectors("domain");
    expect(vectorFiles()["domain"]).to.have.length(2);
    const { chainId, stakeTable, salt } = salted!["value"]!;
    expect(await harness.domainSeparator(chainId!, stakeTable!, salt!)).to.equal(salted!["separator"]);
    expect(await harness.registrationSeparator(chainId!, stakeTable!)).to.equal(unsalted!["separator"]);
  });

  it("VEC-3: header hashes are those of the vectors", async () => {
    for (const row of vectors("header")) expect(await harness.hashHeader(row["value"] as never)).to.equal(row["hash"]);
  });

  it("VEC-4: vote hashes and digests are those of the vectors", async () => {
    const separator = Domain.separator(DOMAIN);
    for (const row of vectors("vote")) {
      const { kind, epoch, view, block } = row["value"]!;
      const value = { epoch: epoch!, viewNumber: view!, blockHash: block ?? ZERO };
      const computed =
        kind === "notarize"
          ? await harness.hashNotarize(value)
          : kind === "nullify"
            ? await harness.hashNullify(value)
            : await harness.hashFinalize(value);
      expect(computed).to.equal(row["hash"]);
      expect(await harness.digest(separator, computed)).to.equal(row["digest"]);
    }
  });

  it("VEC-5: resume and registration hashes are those of the vectors", async () => {
    for (const row of vectors("resume")) {
      const { epoch, block, committee } = row["value"]!;
      const value = { epoch: epoch!, blockHash: block!, committee: committee! };
      expect(await harness.hashResume(value)).to.equal(row["hash"]);
    }
    for (const row of vectors("registration")) {
      expect(await harness.hashRegister(row["value"] as never)).to.equal(row["hash"]);
    }
  });

  it("VEC-6: namespace leaves and roots, and history roots, are those of the vectors", async () => {
    for (const row of vectors("payload")) {
      const entries = row["entries"] as unknown as Record<string, string>[];
      const leaves: string[] = [];
      for (const entry of entries) {
        const leaf = await harness.namespaceLeaf(entry as never);
        leaves.push(leaf);
      }
      const root = await harness.merkleRootOfAll(leaves);
      expect(await harness.merkleSized(entries.length, root)).to.equal(row["namespaces"]);
    }
    const leaves: string[] = [];
    for (const row of vectors("history")) {
      if (row["appended"] !== undefined) leaves.push(await harness.merkleLeaf(row["appended"]));
      expect(await harness.merkleRootOfAll(leaves)).to.equal(row["root"]);
    }
  });

  it("HASH-5: both languages hash any header, resume and registration alike", async () => {
    await fc.assert(
      fc.asyncProperty(header, async (value) => {
        expect(await harness.hashHeader(value)).to.equal(Header.hash(value));
        const resumed = { epoch: value.epoch, block: value.parent, committee: value.committee };
        expect(await harness.hashResume({ ...resumed, blockHash: resumed.block })).to.equal(Resume.hash(resumed));
        const account = `0x${value.parent.slice(2, 42)}` as const;
        const registration = { validator: account, keyHash: value.payload satisfies Hash };
        expect(await harness.hashRegister(registration)).to.equal(Registration.hash(registration));
      }),
      RUNS,
    );
  });

  it("SLASH-1: both languages agree which pairs of messages are offences", async () => {
    const message = fc.oneof(vote, resume);
    await fc.assert(
      fc.asyncProperty(message, message, async (first, second) => {
        const expected = Evidence.offence(first, second) !== undefined;
        expect(await harness.conflicts(onL1(first) as never, onL1(second) as never)).to.equal(expected);
      }),
      { numRuns: 300 },
    );
  });
});
