import { BLOCK_A, BLOCK_B, deploySlashing, finalize, pairEvidence } from "../../test/contracts/support/slashing.ts";
import { DAY, ESCROW, rotate, seated, TOKENS } from "../../test/contracts/support/staking.ts";
import { type Connection, gasOf, type Measurements } from "./measurement.ts";

/** `Slasher` on a stake table with six seats; the reporter already holds tokens. */
export async function measure(connection: Connection): Promise<Measurements> {
  const world = await deploySlashing(connection);
  const validators = await seated(
    world,
    [6000n, 5000n, 4000n, 3000n, 2000n, 1000n].map((stake) => stake * TOKENS),
  );
  await rotate(world);
  const result: Measurements = {};
  // The second slash is the one recorded: the first also fills slots that all later ones share.
  for (const { key } of validators.slice(0, 2)) {
    const evidence = pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B));
    result["Slasher.slash/pair"] = await gasOf(world.slashing.slash(evidence));
  }
  await connection.networkHelpers.time.increase(ESCROW + DAY);
  for (const { id } of validators.slice(0, 2)) result["Slasher.settle"] = await gasOf(world.slashing.settle(id));
  return result;
}
