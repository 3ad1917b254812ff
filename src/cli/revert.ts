import type { ErrorDescription } from "ethers";

import { contractInterface, type ContractName } from "../l1/contracts.ts";

/** Whose errors may come back from a call. Names are unique across the contracts. */
const CONTRACTS: readonly ContractName[] = [
  "StakeTable",
  "Slasher",
  "LightClient",
  "ConfirmationVerifier",
  "DevelopmentToken",
];

/** A contract's error by name, with the name of each value: `StakeTableSeatHeld(id: 1, seat: 0)`. Undefined if unknown. */
export function describeRevert(data: string | null): string | undefined {
  if (data === null || data === "0x") return undefined;
  for (const name of CONTRACTS) {
    const known = contractInterface(name).parseError(data);
    if (known !== null) return describe(known);
  }
  return undefined;
}

function describe({ name, fragment, args }: ErrorDescription): string {
  const values = fragment.inputs.map((input, index) => {
    const value = String(args[index]);
    return input.name === "" ? value : `${input.name}: ${value}`;
  });
  return `${name}(${values.join(", ")})`;
}
