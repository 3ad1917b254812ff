import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Anvil, startAnvil } from "../relayer/support/anvil.ts";
import { type Outcome, outcomeOf, type RecordedBlock, type Recording, type RpcReceipt } from "./recording.ts";
import { recordScenario } from "./scenario.ts";

/** The same transactions on a real node process, in blocks of the same numbers and times. */
describe("the contracts on anvil", () => {
  let recording: Recording;
  let anvil: Anvil;
  const replayed: Outcome[] = [];

  beforeAll(async () => {
    recording = await recordScenario();
    const [genesis] = recording.blocks;
    if (genesis === undefined) throw new Error("no blocks");
    const { timestamp, gasLimit, baseFee } = genesis;
    anvil = await startAnvil({
      automine: false,
      args: [
        "--hardfork",
        "osaka",
        "--accounts",
        String(recording.balances.size),
        "--timestamp",
        String(timestamp),
        "--gas-limit",
        String(gasLimit),
        "--block-base-fee-per-gas",
        String(baseFee),
      ],
    });
    for (const block of recording.blocks.slice(1)) replayed.push(...(await replay(anvil, block)));
  });

  afterAll(async () => anvil.stop());

  it("EVM-2: every transaction ends as on Hardhat's network, with the same logs and the same gas", () => {
    const recorded = recording.blocks.flatMap(({ transactions }) => transactions.map(({ outcome }) => outcome));
    expect(recorded.length).toBeGreaterThan(90);
    expect(replayed).toEqual(recorded);
  });

  it("EVM-2: every question about the last state has the same answer, or is refused", async () => {
    for (const { what, to, data, result } of recording.calls) {
      const answer = await anvil.rpc("eth_call", [{ to, data }, "latest"]).catch(() => undefined);
      expect([what, answer]).toEqual([what, result]);
    }
  });
});

/** A node draws its own randomness, and `CommitteeCreated` tells it: the recorded one takes its place. */
async function replay(anvil: Anvil, { timestamp, randomness, transactions }: RecordedBlock): Promise<Outcome[]> {
  const hashes: unknown[] = [];
  for (const { raw } of transactions) hashes.push(await anvil.rpc("eth_sendRawTransaction", [raw]));
  await anvil.rpc("evm_setNextBlockTimestamp", [Number(timestamp)]);
  await anvil.rpc("evm_mine");
  const { mixHash } = (await anvil.rpc("eth_getBlockByNumber", ["latest", false])) as { mixHash: string };
  const outcomes: Outcome[] = [];
  for (const hash of hashes) {
    const outcome = outcomeOf((await anvil.rpc("eth_getTransactionReceipt", [hash])) as RpcReceipt);
    outcomes.push({ ...outcome, logs: outcome.logs.map((log) => log.replace(mixHash.slice(2), randomness.slice(2))) });
  }
  return outcomes;
}
