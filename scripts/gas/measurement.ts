import type { network } from "hardhat";
import type { TransactionResponse } from "ethers";

import { glamsterdamGas, type Step } from "./glamsterdam.ts";

export type Connection = Awaited<ReturnType<typeof network.create>>;

/** Gas of a whole transaction, measured under Osaka rules and computed for Glamsterdam's; or of execution alone. */
export interface Price {
  readonly osaka: number;
  readonly glamsterdam?: number;
}

/** Prices by case: `<contract>.<function>/<shape>`. */
export type Measurements = Record<string, Price>;

interface RawTrace {
  readonly structLogs: readonly {
    readonly op: string;
    readonly depth: number;
    readonly gas: number | string;
    readonly gasCost: number | string;
    readonly stack?: readonly string[];
  }[];
}

/** What a transaction that succeeds costs. */
export async function gasOf({ provider }: Connection, sent: Promise<TransactionResponse>): Promise<Price> {
  const response = await sent;
  const receipt = await response.wait();
  if (receipt === null || response.to === null) throw new Error("not mined, or a deployment");
  const options = { disableStorage: true, enableMemory: false };
  const raw: unknown = await provider.request({ method: "debug_traceTransaction", params: [response.hash, options] });
  const steps = (raw as RawTrace).structLogs.map(({ op, depth, gas, gasCost, stack = [] }): Step => {
    return { op, depth, gas: Number(gas), gasCost: Number(gasCost), stack };
  });
  const { from, to, data } = response;
  const osaka = Number(receipt.gasUsed);
  return { osaka, glamsterdam: glamsterdamGas({ from, to, data, gasUsed: osaka, steps }) };
}

/** The sum of several transactions. */
export function total(prices: readonly Price[]): Price {
  const sum = (pick: (price: Price) => number): number => prices.reduce((all, price) => all + pick(price), 0);
  return { osaka: sum(({ osaka }) => osaka), glamsterdam: sum(({ glamsterdam = 0 }) => glamsterdam) };
}

/** A part of one transaction's price, rounded up. */
export function share({ osaka, glamsterdam = 0 }: Price, parts: number): Price {
  return { osaka: Math.ceil(osaka / parts), glamsterdam: Math.ceil(glamsterdam / parts) };
}
