import { readDeploymentParameters } from "@nomicfoundation/hardhat-ignition/helpers";
import { z } from "zod";

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, "expected an address");
const seconds = z.int().nonnegative();
const amount = z.bigint().nonnegative();

const schema = z.strictObject({
  token: address.nullable(),
  governance: z.strictObject({
    admin: address.nullable(),
    parametersAccount: address.nullable(),
    guardianAccount: address.nullable(),
    adminDelay: seconds,
    parametersDelay: seconds,
  }),
  stakeTable: z.strictObject({
    escrow: seconds,
    stakeUnit: amount,
    parameters: z.strictObject({
      seats: z.int().min(4).max(100),
      rotationInterval: seconds,
      minSelfStake: amount,
      minSeatStake: amount,
      minCommitteeStake: amount,
      minDelegation: amount,
      reporterCap: amount,
    }),
  }),
  lightClient: z.strictObject({ margin: seconds, ringInterval: seconds, resumeDelay: seconds }),
  slasher: z.strictObject({ minPenalty: amount, launchPenalty: amount, rampDuration: seconds }),
});

/** What a network's contracts are made with, apart from what follows from its cluster config. Times in seconds. */
export type Parameters = Readonly<z.infer<typeof schema>>;

/** Parameters that cannot be deployed with; names file and field. */
export class ParametersError extends Error {
  override readonly name = "ParametersError";
}

/** Reads `deploy/parameters/<network>.json5`; amounts are written as "123n". */
export async function readParameters(path: string): Promise<Parameters> {
  const value: unknown = await readDeploymentParameters(path);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new ParametersError(`${path}: ${problems.join("; ")}`);
}
