import type { network } from "hardhat";
import type { TransactionResponse } from "ethers";

export type Connection = Awaited<ReturnType<typeof network.create>>;

/** Gas by case: `<contract>.<case>`. */
export type Measurements = Record<string, number>;

/** Gas of the whole transaction. */
export async function gasOf(sent: Promise<TransactionResponse>): Promise<number> {
  const receipt = await (await sent).wait();
  if (receipt === null) throw new Error("the transaction was not mined");
  return Number(receipt.gasUsed);
}
