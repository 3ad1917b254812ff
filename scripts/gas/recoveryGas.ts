import { ZeroHash } from "ethers";

import { certify, type TestCommittee } from "../../test/contracts/support/committee.ts";
import { digestOf, hashHeader } from "../../test/contracts/support/header.ts";
import * as client from "../../test/contracts/support/lightClient.ts";
import { type Connection, gasOf, type Measurements } from "./measurement.ts";

const SIZE = 100;
const SLASHED = 34;

/** What ends trust in a committee of 100, and what begins it anew. Keys in two pages. */
export async function measure(connection: Connection): Promise<Measurements> {
  const shape = `validators=${String(SIZE)}`;
  const result: Measurements = {};
  const { world, committee } = await start(connection);
  const { lightClient } = world;
  const header = await client.headerNow(world, { height: 1n });
  await lightClient.advance(header, client.finalization(world, committee, header));
  const latest = client.checkpointOf(header, await client.now(world));

  const finalized = async (viewNumber: bigint): Promise<Parameters<typeof lightClient.freeze>[0]> => {
    const given = await client.headerNow(world, { height: 2n, viewNumber });
    return { header: given, certificate: client.finalization(world, committee, given) };
  };
  result[`LightClient.freeze/${shape}/absent=0`] = await gasOf(
    connection,
    lightClient.freeze(await finalized(2n), await finalized(3n), ZeroHash, []),
  );
  const newer = await client.addCommittee(world, { weights: committee.members.map(({ weight }) => weight), pages: 2 });
  await connection.networkHelpers.time.increase(2n * client.DAY);
  const message = { epoch: 2n, blockHash: hashHeader(header), committee: newer.id };
  const digest = digestOf(world.domain, "Resume", { ...message, block: message.blockHash });
  result[`LightClient.resume/${shape}/absent=0`] = await gasOf(
    connection,
    lightClient.resume(message, certify(newer, digest, 0n), header, latest, []),
  );
  await connection.networkHelpers.time.increase(client.PARAMETERS.resumeDelay);
  result["LightClient.applyResume"] = await gasOf(connection, lightClient.applyResume());

  const slashed = newer.members.slice(0, SLASHED);
  for (const { validator } of slashed) await world.stakeTable.setSlashed(validator);
  result[`LightClient.reportSlashed/seats=${String(SLASHED)}`] = await gasOf(
    connection,
    lightClient.reportSlashed(newer.id, [...slashed.keys()]),
  );
  return result;
}

async function start(connection: Connection): Promise<{ world: client.LightClientWorld; committee: TestCommittee }> {
  const world = await client.deployWorld(connection.ethers);
  const weights = Array.from({ length: SIZE }, (_, index) => 65_535 - index);
  return { world, committee: await client.addCommittee(world, { weights, pages: 2 }) };
}
