import { readFileSync } from "node:fs";

import { TypedDataEncoder } from "ethers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { typeString, type StructType } from "../../src/crypto/typedData.ts";
import * as Domain from "../../src/protocol/Domain.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as Registration from "../../src/protocol/Registration.ts";
import * as Resume from "../../src/protocol/Resume.ts";
import { Epoch, View } from "../../src/protocol/scalars.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { hash, header, u64 } from "../support/arbitraries.ts";
import { DOMAIN, render, vectorFiles } from "../vectors/vectors.ts";

/** ethers' own EIP-712 implementation. */
function oracle(struct: StructType, value: object): string {
  return TypedDataEncoder.hashStruct(struct.name, { [struct.name]: [...struct.members] }, value);
}

describe("vectors", () => {
  it.each(Object.entries(vectorFiles()))("VEC-1: %s.json is what the code computes", (name, vectors) => {
    const file = readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8");
    expect(render(vectors)).toBe(file);
  });
});

describe("EIP-712", () => {
  it.each([
    [
      Header.STRUCT,
      "Header(uint64 height,uint64 epoch,uint64 viewNumber,uint64 committee,uint64 timestamp,bytes32 parent,bytes32 history,bytes32 payload,bytes32 namespaces,uint64 l1Number,bytes32 l1Hash,uint64 nextCommittee,uint16 proposer)",
    ],
    [Vote.NOTARIZE, "Notarize(uint64 epoch,uint64 viewNumber,bytes32 block)"],
    [Vote.NULLIFY, "Nullify(uint64 epoch,uint64 viewNumber)"],
    [Vote.FINALIZE, "Finalize(uint64 epoch,uint64 viewNumber,bytes32 block)"],
    [Resume.STRUCT, "Resume(uint64 epoch,bytes32 block,uint64 committee)"],
    [Registration.STRUCT, "Register(address validator,bytes32 keyHash)"],
  ])("HASH-1: %# has the type string of the specification", (struct, text) => {
    expect(typeString(struct)).toBe(text);
  });

  it("HASH-2: header hashes agree with ethers on any header", () => {
    fc.assert(
      fc.property(header, (value) => {
        expect(Header.hash(value)).toBe(oracle(Header.STRUCT, value));
      }),
    );
  });

  it("HASH-3: vote digests agree with ethers on any vote and domain", () => {
    fc.assert(
      fc.property(u64, u64, hash, hash, u64, (epoch, view, block, salt, chainId) => {
        const domain = { ...DOMAIN, chainId, salt };
        const ethersDomain = { name: "Crema", version: "1", chainId, verifyingContract: DOMAIN.stakeTable, salt };
        const value = { epoch, viewNumber: view, block };
        const cases = [
          [Vote.NOTARIZE, Vote.notarize(Epoch(epoch), View(view), block)],
          [Vote.NULLIFY, Vote.nullify(Epoch(epoch), View(view))],
          [Vote.FINALIZE, Vote.finalize(Epoch(epoch), View(view), block)],
        ] as const;
        for (const [struct, vote] of cases) {
          const types = { [struct.name]: [...struct.members] };
          const members = struct === Vote.NULLIFY ? { epoch, viewNumber: view } : value;
          expect(toHex(Vote.digest(vote, domain))).toBe(TypedDataEncoder.hash(ethersDomain, types, members));
        }
      }),
    );
  });

  it("HASH-4: the domain without salt is the one that ethers computes without salt", () => {
    const { chainId, stakeTable: verifyingContract } = DOMAIN;
    expect(Domain.separator({ ...DOMAIN, salt: undefined })).toBe(
      TypedDataEncoder.hashDomain({ name: "Crema", version: "1", chainId, verifyingContract }),
    );
  });
});

describe("Header", () => {
  it("ENC-1: decode(encode(h)) is h, and no other bytes decode to it", () => {
    fc.assert(
      fc.property(header, fc.nat(), (value, pick) => {
        const bytes = Header.encode(value);
        expect(bytes.length).toBe(Header.ENCODED_BYTES);
        expect(Header.decode(bytes)).toEqual(value);
        const at = pick % bytes.length;
        const changed = bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
        expect(Header.decode(changed)).not.toEqual(value);
        expect(() => Header.decode(bytes.subarray(1))).toThrow("truncated");
        expect(() => Header.decode(Uint8Array.of(...bytes, 0))).toThrow("trailing");
      }),
    );
  });
});
