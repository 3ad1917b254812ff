import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { startAnvil } from "../../src/cli/start/anvil.ts";
import { deployContracts } from "../../src/cli/start/deployment.ts";
import { devChain, type DevChain } from "../../src/cli/start/devChain.ts";
import { createLayout, writeCluster, type Layout } from "../../src/cli/start/layout.ts";
import { L1_CHAIN_ID, localClusterConfig, SHORT_EPOCH_BLOCKS } from "../../src/cli/start/localCluster.ts";
import { createProcesses, type Processes } from "../../src/cli/start/processes.ts";
import { createStakers, type Stakers } from "../../src/cli/start/stakers.ts";
import { buildContracts } from "../../src/cli/start/tools.ts";
import type { AddressBook } from "../../src/l1/addressBook.ts";
import { createL1Client, type L1Client } from "../../src/l1/l1Client.ts";
import { signRegistration, type RegistrationFile } from "../../src/node/registration.ts";
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { createValidatorKeys, type ValidatorKeys } from "../../src/signer/validatorKeys.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";

/** A real L1 process with the contracts deployed by Ignition, mining a block per transaction. */
export interface DeployedL1 {
  readonly url: string;
  readonly layout: Layout;
  readonly cluster: ClusterConfig;
  readonly book: AddressBook;
  readonly client: L1Client;
  readonly chain: DevChain;
  readonly stakers: Stakers;
  readonly processes: Processes;
  /** Registers, seals and seats a validator that listens at a port of this machine. */
  validator(
    port: number,
  ): Promise<{ readonly id: bigint; readonly keys: ValidatorKeys; readonly registration: RegistrationFile }>;
  /** Ends every process and removes the files. */
  close(): Promise<void>;
}

export async function startDeployedL1(): Promise<DeployedL1> {
  const processes = createProcesses();
  const layout = createLayout(mkdtempSync(join(tmpdir(), "crema-test-")));
  const { signal } = new AbortController();
  await buildContracts(signal);
  const { url } = await startAnvil(processes, { dataDir: layout.dataDir, chainId: L1_CHAIN_ID });
  const cluster = localClusterConfig(systemClock.wallMs(), SHORT_EPOCH_BLOCKS);
  writeCluster(layout, cluster);
  const book = await deployContracts(layout, url, signal);
  const client = connect(url);
  const stakers = await createStakers(client.provider, book);
  const bls = await createMclBls();
  return {
    ...{ url, layout, cluster, book, client, stakers, processes },
    chain: devChain(client.provider),
    validator: async (port) => {
      const directory = mkdtempSync(join(layout.dataDir, "keys-"));
      const keys = await createValidatorKeys({
        ...{ fileSystem: nodeFileSystem, directory, genesis: book.genesisHash, bls, random: systemRandom },
        ...{ password: "test", derivation: "pbkdf2" },
      });
      const wallet = await stakers.fundedWallet();
      const operator = `0x${wallet.address.slice(2).toLowerCase()}` as const;
      const address = `/ip4/127.0.0.1/tcp/${String(port)}`;
      const { stakeTable } = book;
      const registration = signRegistration(bls, { keys, operator, l1ChainId: L1_CHAIN_ID, stakeTable, address });
      const id = await stakers.register(wallet, registration);
      await stakers.seal([registration]);
      await stakers.takeSeat(wallet, id);
      return { id, keys, registration };
    },
    close: async () => {
      client.close();
      await processes.stopAll();
      rmSync(layout.dataDir, { recursive: true, force: true });
    },
  };
}

export function connect(url: string): L1Client {
  return createL1Client({
    urls: [url],
    chainId: BigInt(L1_CHAIN_ID),
    finality: { kind: "tag" },
    timeoutMs: 2_000,
    clock: systemClock,
    logger: silentLogger,
  });
}
