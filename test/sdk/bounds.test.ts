import { expect, it } from "vitest";

import { CommitteeId } from "../../src/protocol/scalars.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { CACHED_COMMITTEES_MAX, cachedCommittees, type CommitteeSource } from "../../src/sdk/committees.ts";
import { createClient, ENDPOINTS_MAX } from "../../src/sdk/createClient.ts";
import { createTrust, REMEMBERED_HEADERS_MAX } from "../../src/sdk/trust.ts";
import { bls, Chain, domain, EPOCH_LENGTH, finalize, GENESIS_MS, makeCommittee } from "../api/chain.ts";
import { network } from "./cluster.ts";

const first = makeCommittee(1);
const trusting: CommitteeSource = {
  committee: () => Promise.resolve({ committee: first.committee, trustedUntil: 10n ** 12n }),
};

it("a client takes ENDPOINTS_MAX endpoints, not one more, and not none", async () => {
  const options = (count: number) => ({
    endpoints: Array.from({ length: count }, (_, i) => `http://127.0.0.1:${String(i + 1)}`),
    network,
    committees: trusting,
    bls,
  });
  await expect(createClient(options(ENDPOINTS_MAX))).resolves.toBeDefined();
  await expect(createClient(options(ENDPOINTS_MAX + 1))).rejects.toThrow("endpoints");
  await expect(createClient(options(0))).rejects.toThrow("endpoints");
});

it("CACHED_COMMITTEES_MAX committees are remembered; with one more the oldest is asked for again", async () => {
  const asked: bigint[] = [];
  const source: CommitteeSource = {
    committee: (id) => {
      asked.push(id);
      return trusting.committee(id);
    },
  };
  const cached = cachedCommittees(source, systemClock, 1_000_000);
  const ask = async (count: number): Promise<void> => {
    for (let id = 1; id <= count; id++) await cached.committee(CommitteeId(BigInt(id)));
  };
  await ask(CACHED_COMMITTEES_MAX);
  await ask(CACHED_COMMITTEES_MAX);
  expect(asked).toHaveLength(CACHED_COMMITTEES_MAX);
  await ask(CACHED_COMMITTEES_MAX + 1);
  await cached.committee(CommitteeId(1n));
  expect(asked.at(-1)).toBe(1n);
  expect(asked).toHaveLength(CACHED_COMMITTEES_MAX + 2);
});

it("REMEMBERED_HEADERS_MAX finalized headers are not verified again; with one more the oldest is", async () => {
  let verified = 0;
  const counting = {
    verifyAggregate: () => {
      verified += 1;
      return true;
    },
  };
  const nowMs = (): number => GENESIS_MS + 60_000;
  const trust = createTrust({ domain, epochLength: BigInt(EPOCH_LENGTH), committees: trusting, bls: counting, nowMs });
  const { header } = new Chain([first]).append();
  const check = async (number: number): Promise<void> => {
    const other = { ...header, timestamp: header.timestamp + BigInt(number) };
    await trust.finalized(finalize(other, first), "endpoint");
  };
  for (let i = 0; i < REMEMBERED_HEADERS_MAX; i++) await check(i);
  await check(0);
  expect(verified).toBe(REMEMBERED_HEADERS_MAX);
  await check(REMEMBERED_HEADERS_MAX);
  await check(0);
  expect(verified).toBe(REMEMBERED_HEADERS_MAX + 2);
});
