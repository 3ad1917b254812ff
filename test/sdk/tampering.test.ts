import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { keccakHash } from "../../src/crypto/hash.ts";
import { Height, NamespaceId, SdkError, TimeoutError, type Client, type Hash } from "../../src/sdk/index.ts";
import { startCluster, tampering, type Cluster } from "./cluster.ts";

/**
 * The endpoint lies. For every answer that the SDK says it verifies, every single value of the JSON is changed in every
 * way below, one at a time, and the SDK must refuse each; the unchanged answer must pass.
 */

const NAMESPACE = NamespaceId(4242n);
const OTHERS = [NamespaceId(7n), NamespaceId(5353n), NamespaceId(9999n)];

type Path = readonly (string | number)[];

function leaves(json: unknown, at: Path = []): Path[] {
  if (typeof json !== "object" || json === null) return [at];
  const own = Array.isArray(json) && at.length > 0 ? [at] : [];
  return [
    ...own,
    ...Object.entries(json).flatMap(([name, value]) =>
      leaves(value, [...at, Array.isArray(json) ? Number(name) : name]),
    ),
  ];
}

function edit(json: unknown, path: Path, change: (value: unknown) => unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return change(json);
  if (Array.isArray(json)) {
    return json.map((item: unknown, i): unknown => (i === step ? edit(item, rest, change) : item));
  }
  if (typeof json !== "object" || json === null) throw new Error("the path leads through objects");
  const entries = Object.entries(json).map(([name, value]: [string, unknown]): [string, unknown] => [
    name,
    name === step ? edit(value, rest, change) : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

const flipDigit = (digit: string): string => (digit === "0" ? "1" : "0");

/** What can be done to one value. */
function lies(value: unknown): readonly unknown[] {
  if (typeof value === "number") return [value + 1, -1, "1", undefined];
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return [[], items.slice(1), items.slice(0, -1), [...items, ...items.slice(-1)], [...items].reverse()];
  }
  if (typeof value !== "string") return [undefined];
  if (!value.startsWith("0x")) {
    const number = /^\d+$/.test(value)
      ? [String(BigInt(value) + 1n), "18446744073709551615", value === "0" ? "2" : "0"]
      : ["other"];
    return [...number, undefined];
  }
  const first = value.slice(0, 2) + flipDigit(value[2] ?? "") + value.slice(3);
  const last = value.slice(0, -1) + flipDigit(value.at(-1) ?? "");
  return [first, last, `${value}00`, value.slice(0, -2), "0x", `0x${"00".repeat(value.length / 2 - 1)}`, undefined];
}

function valueAt(json: unknown, path: Path): unknown {
  let found: unknown;
  edit(json, path, (value) => (found = value));
  return found;
}

let cluster: Cluster;
let hash: Hash;
let bundled: Hash;

beforeAll(async () => {
  cluster = await startCluster(1);
  const client = await cluster.client();
  for (let i = 0; i < 3; i++) {
    for (const namespace of OTHERS) await client.submit(namespace, Uint8Array.of(i));
    ({ hash } = await client.submit(NAMESPACE, Uint8Array.of(1, i)));
    if (i === 1) {
      const { parts } = await client.submitBundle(
        [NAMESPACE, NamespaceId(7n)].map((namespace) => ({ namespace, data: Uint8Array.of(5) })),
      );
      bundled = parts[0]?.hash ?? hash;
    }
    await cluster.node.finalize(i !== 2);
  }
  await cluster.node.finalize();
});
afterAll(() => cluster.close());

/** Withholding is no forgery: whoever gets nothing believes nothing. */
function within<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TimeoutError("the next block", WITHHELD_MS));
    }, WITHHELD_MS);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}

const WITHHELD_MS = 3_000;

/** Runs `use` against every lie about the answers at `fits`; returns how many were told, and those that were believed. */
async function tellAll(
  fits: RegExp,
  use: (client: Client) => Promise<unknown>,
): Promise<{ told: number; believed: string[] }> {
  let original: unknown;
  const options = { openStream: null, limits: { submitTimeoutMs: 0, pollMs: 5, outageTimeoutMs: 0 } };
  const honest = await cluster.client({ ...options, fetch: tampering(fits, (json) => (original = json)) });
  await use(honest);
  const believed: string[] = [];
  let told = 0;
  for (const path of leaves(original)) {
    for (const lie of lies(valueAt(original, path))) {
      const changed = edit(original, path, () => lie);
      if (JSON.stringify(changed) === JSON.stringify(original)) continue;
      const client = await cluster.client({ ...options, fetch: tampering(fits, () => changed) });
      told += 1;
      try {
        await use(client);
        believed.push(`${path.join(".")} = ${JSON.stringify(lie ?? null).slice(0, 80)}`);
      } catch (error) {
        if (!(error instanceof SdkError)) throw error;
      }
    }
  }
  return { told, believed };
}

describe("an endpoint that lies about one value", () => {
  it("SDK-3, LC-16: cannot forge a confirmation with a certificate of its own block", async () => {
    const answer = await tellAll(/confirmation$/, async (client) => {
      const early = cluster.node.chain.at(1).payload.find(({ namespace }) => namespace === NAMESPACE)?.envelopes[0];
      if (early === undefined) throw new Error("block 1 has the namespace");
      if ((await client.confirmation(NAMESPACE, keccakHash(early))) === undefined) throw new Error("is final");
    });
    expect(answer.believed).toEqual([]);
    expect(answer.told).toBeGreaterThan(150);
  }, 60_000);

  it("SDK-3, LC-15: cannot forge a confirmation through the history of a later block", async () => {
    const answer = await tellAll(/confirmation$/, async (client) => {
      if ((await client.confirmation(NAMESPACE, hash)) === undefined) throw new Error("is final");
    });
    expect(answer.believed).toEqual([]);
    expect(answer.told).toBeGreaterThan(150);
  }, 60_000);

  it("LC-18: cannot forge a bundle", async () => {
    const answer = await tellAll(/bundle$/, async (client) => {
      if ((await client.bundleConfirmation(NAMESPACE, bundled)) === undefined) throw new Error("is final");
    });
    expect(answer.believed).toEqual([]);
    expect(answer.told).toBeGreaterThan(200);
  }, 60_000);

  it("SDK-4, LC-17: cannot hide, add, change or reorder anything of a namespace that is followed", async () => {
    const answer = await tellAll(/blocks$/, async (client) => {
      const following = client.follow(NAMESPACE, { from: Height(0n) });
      for (let height = 0n; height <= 4n; height++) {
        const { value } = await within(following.next());
        if (value === undefined || value.header.height !== height) throw new Error("a block is missing");
      }
      await following.return();
    });
    expect(answer.believed).toEqual([]);
    expect(answer.told).toBeGreaterThan(500);
  }, 60_000);

  it("SDK-4: cannot pretend that an absent namespace holds something, or hide one among its neighbours", async () => {
    for (const absent of [1n, 6000n]) {
      const answer = await tellAll(/blocks$/, async (client) => {
        const following = client.follow(NamespaceId(absent), { from: Height(2n) });
        const { value } = await within(following.next());
        if (value?.transactions.length !== 0) throw new Error("nothing is there");
        await following.return();
      });
      expect(answer.believed).toEqual([]);
    }
  }, 60_000);

  it("SDK-5: cannot forge, skip or reorder blocks that are watched", async () => {
    const use = async (client: Client): Promise<void> => {
      const watching = client.watch({ from: Height(1n) });
      for (let height = 1n; height <= 4n; height++) {
        const { value } = await within(watching.next());
        if (value === undefined || value.header.height !== height) throw new Error("a block is missing");
        if (value.hash !== cluster.node.chain.at(height).hash) throw new Error("another block");
      }
      await watching.return();
    };
    const blocks = await tellAll(/v1\/blocks$/, use);
    // What the SDK does not read cannot deceive: the hash is computed, the size and the cursor are advice.
    expect(blocks.believed.filter((lie) => !/(\.hash|payloadBytes|^next) = /.test(lie))).toEqual([]);
    const finalizations = await tellAll(/finalizations$/, use);
    expect(finalizations.believed).toEqual([]);
  }, 60_000);
});
