import { createBlock } from "@ethereumjs/block";
import { createCustomCommon, Hardfork, Mainnet } from "@ethereumjs/common";
import { createAddressFromString } from "@ethereumjs/util";
import { createVM } from "@ethereumjs/vm";
import { getBytes, hexlify, Interface } from "ethers";

import { compile, errorsOf, type Sources } from "./solidity.ts";

/** A contract small enough to know every mutant and branch of, and a way to run it. */

export const FILE = "contracts/Sample.sol";

export const SAMPLE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

contract Sample {
    uint256 private constant LIMIT = 10;
    error TooMuch();
    function price(uint256 amount, bool isMember) external pure returns (uint256 sum) {
        if (amount > LIMIT) revert TooMuch();
        for (uint256 i = 0; i < amount; ++i) sum += isMember && amount < 5 ? 2 : 3;
    }
}
`;

const PROBE = "0xc0bec0bec0bec0bec0bec0bec0bec0bec0bec0be";
const common = createCustomCommon({ chainId: 1 }, Mainnet, { hardfork: Hardfork.Osaka });

export interface Answer {
  /** The price, or undefined if it is refused. */
  readonly price: bigint | undefined;
  /** Probes that were reached. */
  readonly hits: readonly number[];
}

/** Compiles the sample; what comes back asks it for a price in a block of a beneficiary. */
export async function runnable(
  sources: Sources,
): Promise<(beneficiary: string, amount: bigint, isMember: boolean) => Promise<Answer>> {
  const output = compile(sources, { [FILE]: { Sample: ["abi", "evm.bytecode", "evm.deployedBytecode"] } });
  const [error] = errorsOf(output);
  if (error !== undefined) throw new Error(error.formattedMessage);
  const code = output.contracts?.[FILE]?.Sample?.evm.deployedBytecode.object ?? "";
  const { evm } = await createVM({ common });
  const face = new Interface(["function price(uint256,bool) view returns (uint256)"]);
  return async (beneficiary, amount, isMember) => {
    const hits: number[] = [];
    const listen = (message: { readonly to?: { toString(): string }; readonly data: Uint8Array }): void => {
      if (message.to?.toString() === PROBE) hits.push(Number(BigInt(hexlify(message.data))));
    };
    evm.events?.on("beforeMessage", listen);
    const block = createBlock({ header: { coinbase: createAddressFromString(beneficiary) } }, { common });
    const data = getBytes(face.encodeFunctionData("price", [amount, isMember]));
    const { exceptionError, returnValue } = await evm.runCode({
      code: getBytes(`0x${code}`),
      data,
      block,
      gasLimit: 1_000_000n,
    });
    evm.events?.off("beforeMessage", listen);
    return { price: exceptionError === undefined ? BigInt(hexlify(returnValue)) : undefined, hits };
  };
}
