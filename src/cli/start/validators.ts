import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Wallet } from "ethers";

import { toHex } from "../../codec/hex.ts";
import type { Bls } from "../../crypto/bls.ts";
import type { AddressBook } from "../../l1/addressBook.ts";
import { signRegistration, type RegistrationFile } from "../../node/registration.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { systemRandom } from "../../runtime/random.ts";
import { createValidatorKeys } from "../../signer/validatorKeys.ts";
import { nodeFileSystem } from "../../storage/nodeFileSystem.ts";
import { writeSecret, type Layout } from "./layout.ts";
import { L1_CHAIN_ID } from "./localCluster.ts";
import { StartError } from "./options.ts";
import { ROOT } from "./tools.ts";
import { describeExit, type Managed, type Processes } from "./processes.ts";

/** One validator of the local network: its files, its account, and its process while it runs. */
export interface LocalValidator {
  readonly name: string;
  readonly operator: Wallet;
  readonly registration: RegistrationFile;
  readonly apiUrl: string;
  readonly configFile: string;
  process: Managed | undefined;
}

export interface ValidatorSetup {
  readonly layout: Layout;
  readonly book: AddressBook;
  readonly bls: Bls;
  readonly l1Url: string;
}

const HOST = "127.0.0.1";
const PASSWORD_BYTES = 16;
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** L1 blocks come every second here. */
const L1_POLL_MS = 300;

/**
 * Payloads live outside the heap, yet count against its first limits: with these the collector runs a third as often
 * (docs/performance.md). The same flags belong into every start command of a validator.
 */
const HEAP_FLAGS = ["--initial-old-space-size=256", "--max-semi-space-size=32"];

/** Makes keys, signing record, registration and configuration of a validator. */
export async function prepareValidator(
  setup: ValidatorSetup,
  name: string,
  operator: Wallet,
  ports: { readonly listen: number; readonly api: number },
): Promise<LocalValidator> {
  const { layout, book } = setup;
  const dataDir = layout.nodeDir(name);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const keyDir = join(dataDir, "keys");
  const keyPasswordFile = join(dataDir, "password");
  const password = toHex(systemRandom.bytes(PASSWORD_BYTES));
  writeSecret(keyPasswordFile, password);
  const keys = await createValidatorKeys({
    ...{ fileSystem: nodeFileSystem, directory: keyDir, password, genesis: book.genesisHash, random: systemRandom },
    bls: setup.bls,
    // A development network starts in seconds; scrypt would take a quarter of a gibibyte and a second for every key.
    derivation: "pbkdf2",
  });
  const registration = signRegistration(setup.bls, {
    keys,
    operator: `0x${operator.address.slice(2).toLowerCase()}`,
    l1ChainId: L1_CHAIN_ID,
    stakeTable: book.stakeTable,
    address: `/ip4/${HOST}/tcp/${String(ports.listen)}`,
  });
  const configFile = join(dataDir, "node.json");
  const config = {
    dataDir,
    clusterFile: layout.clusterFile,
    addressBook: layout.addressBook,
    l1Urls: setup.l1Url,
    l1PollMs: L1_POLL_MS,
    keyDir,
    keyPasswordFile,
    listenHost: HOST,
    listenPort: ports.listen,
    apiHost: HOST,
    apiPort: ports.api,
  };
  writeFileSync(configFile, `${JSON.stringify(config, null, 2)}\n`);
  const apiUrl = `http://${HOST}:${String(ports.api)}`;
  return { name, operator, registration, apiUrl, configFile, process: undefined };
}

/** Starts the validator's process; it is ready when its API answers. */
export function startValidator(processes: Processes, layout: Layout, validator: LocalValidator): void {
  validator.process = processes.start({
    name: validator.name,
    command: process.execPath,
    args: [...HEAP_FLAGS, join(ROOT, "src", "cli", "main.ts"), "run", "--config", validator.configFile],
    env: {},
    cwd: ROOT,
    logFile: join(layout.logs, `${validator.name}.log`),
  });
}

/** Waits until the validator's API answers; throws when its process ends instead, with its last words. */
export async function untilReady(validator: LocalValidator): Promise<void> {
  const deadline = systemClock.monotonicMs() + READY_TIMEOUT_MS;
  while (systemClock.monotonicMs() < deadline) {
    const running = validator.process;
    if (running?.exit() !== undefined) throw new StartError(describeExit(running));
    try {
      const answer = await fetch(`${validator.apiUrl}/v1/status`, { signal: AbortSignal.timeout(1_000) });
      if (answer.ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(systemClock, POLL_MS);
  }
  throw new StartError(`${validator.name} was not ready within ${String(READY_TIMEOUT_MS / 1000)} s`);
}
