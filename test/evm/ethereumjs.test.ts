import { createBlock } from "@ethereumjs/block";
import { createCustomCommon, Hardfork, Mainnet } from "@ethereumjs/common";
import { createTxFromRLP } from "@ethereumjs/tx";
import { createAccount, createAddressFromString } from "@ethereumjs/util";
import { createVM, runTx, type VM } from "@ethereumjs/vm";
import { getBytes, hexlify } from "ethers";
import { beforeAll, describe, expect, it } from "vitest";

import { logText, type Outcome, type RecordedBlock, type Recording } from "./recording.ts";
import { recordScenario } from "./scenario.ts";

const CHAIN_ID = 31_337;
const common = createCustomCommon({ chainId: CHAIN_ID }, Mainnet, { hardfork: Hardfork.Osaka });

/** The same transactions in an EVM that shares no code with Hardhat's: written in TypeScript, with noble's curves. */
describe("the contracts in ethereumjs", () => {
  let recording: Recording;
  let vm: VM;
  const replayed: Outcome[] = [];

  beforeAll(async () => {
    recording = await recordScenario();
    vm = await createVM({ common });
    for (const [address, balance] of recording.balances) {
      await vm.stateManager.putAccount(createAddressFromString(address), createAccount({ balance }));
    }
    for (const block of recording.blocks) replayed.push(...(await replay(vm, block)));
  });

  it("EVM-1: every transaction ends as on Hardhat's network, with the same logs and the same gas", () => {
    const recorded = recording.blocks.flatMap(({ transactions }) => transactions.map(({ outcome }) => outcome));
    expect(recorded.length).toBeGreaterThan(90);
    expect(recorded.filter(({ succeeded }) => !succeeded).length).toBe(6);
    expect(replayed).toEqual(recorded);
  });

  it("EVM-1: every question about the last state has the same answer, or is refused", async () => {
    const [last] = recording.blocks.slice(-1);
    if (last === undefined) throw new Error("no blocks");
    expect(recording.calls.filter(({ result }) => result === undefined).length).toBe(2);
    for (const { what, to, data, result } of recording.calls) {
      const { execResult } = await vm.evm.runCall({
        to: createAddressFromString(to),
        data: getBytes(data),
        block: blockOf(last),
        gasLimit: 30_000_000n,
      });
      const answer = execResult.exceptionError === undefined ? hexlify(execResult.returnValue) : undefined;
      expect([what, answer]).toEqual([what, result]);
    }
  });
});

function blockOf({ number, timestamp, gasLimit, baseFee, coinbase, randomness }: RecordedBlock) {
  const header = {
    number,
    timestamp,
    gasLimit,
    baseFeePerGas: baseFee,
    coinbase: createAddressFromString(coinbase),
    mixHash: getBytes(randomness),
  };
  return createBlock({ header }, { common, skipConsensusFormatValidation: true });
}

async function replay(vm: VM, block: RecordedBlock): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { raw } of block.transactions) {
    const tx = createTxFromRLP(getBytes(raw), { common });
    const { execResult, totalGasSpent } = await runTx(vm, { tx, block: blockOf(block) });
    const logs = (execResult.logs ?? []).map(([address, topics, data]) =>
      logText({ address: hexlify(address), topics: topics.map((topic) => hexlify(topic)), data: hexlify(data) }),
    );
    const succeeded = execResult.exceptionError === undefined;
    outcomes.push({ succeeded, gasUsed: totalGasSpent, logs: succeeded ? logs : [] });
  }
  return outcomes;
}
