import { isError } from "ethers";

import type { AddressBook } from "../l1/addressBook.ts";
import { lightClientAt } from "../l1/contracts.ts";
import type { L1Client } from "../l1/l1Client.ts";
import { isL1Unavailable, L1WrongChainError } from "../l1/l1Errors.ts";
import type * as ClusterConfig from "../protocol/ClusterConfig.ts";
import type { Logger } from "../runtime/logger.ts";
import { ConfigError } from "../config/configTable.ts";

/**
 * Compares what the contracts say with what the files say. While L1 is away there is nothing to compare with: the node
 * starts all the same, since it may have to serve others, and a wrong chain is refused at every later contact.
 */
export async function checkContracts(
  client: L1Client,
  book: AddressBook,
  cluster: ClusterConfig.ClusterConfig,
  logger: Logger,
): Promise<void> {
  try {
    const lightClient = lightClientAt(book.lightClient, client.provider);
    const [salt, stakeTable, epochLength] = await Promise.all([
      lightClient.salt(),
      lightClient.stakeTable(),
      lightClient.epochLength(),
    ]);
    const problems = [
      ...differs("salt", salt, book.genesisHash),
      ...differs("stake table", stakeTable.toLowerCase(), book.stakeTable),
      ...differs("epochLength", String(epochLength), String(cluster.epochLength)),
    ];
    if (problems.length > 0) throw new ConfigError(problems);
  } catch (error) {
    if (error instanceof L1WrongChainError) throw new ConfigError([`l1Urls: ${error.message}`]);
    if (isError(error, "BAD_DATA") || isError(error, "CALL_EXCEPTION")) {
      throw new ConfigError([`addressBook: no light client answers at ${book.lightClient} on L1`]);
    }
    if (!isL1Unavailable(error)) throw error;
    logger.warn("L1 does not answer yet; the contracts are not checked", { reason: error.message });
  }
}

function differs(what: string, onL1: string, inFiles: string): readonly string[] {
  if (onL1 === inFiles) return [];
  return [`addressBook: the light client on L1 has ${what} ${onL1}, the files have ${inFiles}`];
}
