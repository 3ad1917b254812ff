/**
 * How long an empty node takes to be in sync with a long chain: `npm run bench -- join --blocks 10000 --json`.
 *
 * Four validator processes run on a chain of so many blocks, which was signed with their own keys beforehand: making it
 * block by block would take hours. A fifth validator, registered on L1 and with nothing on its disk, is started as a
 * process of its own. The clock runs from its start until it stands where the others stand, with every block verified,
 * stored with payload and index. Then its chain is compared with the others', block by block.
 */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { createLayout } from "../../src/cli/start/layout.ts";
import { bringUp, type LocalNetwork } from "../../src/cli/start/network.ts";
import { createProcesses } from "../../src/cli/start/processes.ts";
import { createProgress } from "../../src/cli/start/progress.ts";
import { heightOf } from "../../src/cli/start/scenario.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { createL1Follower } from "../../src/l1/l1Follower.ts";
import { blockPage } from "../../src/lightclient/wireViews.ts";
import { decodeNetwork } from "../../src/node/peerAddress.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import { CommitteeId } from "../../src/protocol/scalars.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { openValidatorKeys } from "../../src/signer/validatorKeys.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { chainAgeMs, writeLongChain } from "./longChain.ts";

const EPOCH_BLOCKS = 1_000;
const VALIDATORS = 4;
const POLL_MS = 100;
const TIMEOUT_MS = 600_000;
const PAGE = 100;
const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

const { values } = parseArgs({
  options: {
    blocks: { type: "string", default: "10000" },
    payload: { type: "string", default: "1024" },
    "data-dir": { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const blocks = Number(values.blocks);
const payloadBytes = Number(values.payload);

type Prepared = Pick<LocalNetwork, "layout" | "cluster" | "book" | "l1" | "validators">;

/** The chain, once, then a copy for every validator. */
async function fill({ layout, cluster, book, l1, validators }: Prepared): Promise<void> {
  const follower = createL1Follower({
    ...{ client: l1, book, decodeNetwork, pollMs: POLL_MS, clock: systemClock, logger: silentLogger },
  });
  while (follower.committee(CommitteeId(1n)) === undefined) await follower.refresh();
  const bls = await createMclBls();
  const secretKeys: Uint8Array[] = [];
  for (const { name } of validators) {
    const directory = layout.nodeDir(name);
    const password = readFileSync(join(directory, "password"), "utf8").trim();
    secretKeys.push((await openValidatorKeys(nodeFileSystem, join(directory, "keys"), password, bls)).blsSecretKey);
  }
  const [first, ...others] = validators.map(({ name }) => join(layout.nodeDir(name), "chain"));
  const path = expectPresent(first, "a validator");
  await writeLongChain(path, {
    ...{ blocks, payloadBytes, config: cluster, secretKeys },
    domain: { chainId: BigInt(cluster.l1ChainId), stakeTable: book.stakeTable, salt: Genesis.hash(cluster) },
    committee: expectPresent(follower.committee(CommitteeId(1n)), "committee 1"),
    anchor: expectPresent(follower.finalized(), "a finalized L1 block"),
  });
  for (const other of others) cpSync(path, other, { recursive: true });
}

async function hashAt(apiUrl: string, from: number): Promise<readonly string[]> {
  const answer: unknown = await (await fetch(`${apiUrl}/v1/blocks?from=${String(from)}&limit=${String(PAGE)}`)).json();
  return blockPage.parse(answer).blocks.map(({ hash }) => hash);
}

/** Blocks that both have and that differ; none, or something is badly wrong. */
async function differences(first: string, second: string, height: number): Promise<number> {
  let count = 0;
  for (let from = 0; from <= height; from += PAGE) {
    const [theirs, mine] = await Promise.all([hashAt(first, from), hashAt(second, from)]);
    for (let index = 0; index < PAGE && from + index <= height; index++) if (theirs[index] !== mine[index]) count++;
  }
  return count;
}

/** CPU time and resident memory of a process (proc(5)). */
function usage(pid: number): { readonly cpuSeconds: number; readonly rssBytes: number } {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const pages = Number(readFileSync(`/proc/${String(pid)}/statm`, "utf8").split(" ")[1]);
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuSeconds: ticks / CLOCK_TICKS_PER_SECOND, rssBytes: pages * PAGE_BYTES };
}

async function measure(network: LocalNetwork) {
  const fifth = await network.prepareNext();
  await network.stakers.register(fifth.operator, fifth.registration);
  const other = expectPresent(network.validators[0], "a validator").apiUrl;
  const startedMs = systemClock.monotonicMs();
  const elapsed = (): number => Math.round(systemClock.monotonicMs() - startedMs) / 1_000;
  await network.startValidator(fifth);
  const readySeconds = elapsed();
  let rssBytesMax = 0;
  let chainSeconds: number | undefined;
  for (;;) {
    const [theirs, mine] = await Promise.all([heightOf(other), heightOf(fifth.apiUrl)]);
    const { rssBytes, cpuSeconds } = usage(expectPresent(fifth.process, "the fifth process").pid);
    rssBytesMax = Math.max(rssBytesMax, rssBytes);
    if (chainSeconds === undefined && mine >= BigInt(blocks)) chainSeconds = elapsed();
    if (theirs > BigInt(blocks) && mine >= theirs) {
      const seconds = elapsed();
      const differing = await differences(other, fifth.apiUrl, Number(mine));
      return {
        ...{ blocks, payloadBytes, height: Number(mine), readySeconds, chainSeconds, seconds },
        blocksPerSecond: Math.round(blocks / (chainSeconds ?? seconds)),
        ...{ cpuSeconds, rssBytesMax, differing, inSync: differing === 0 },
      };
    }
    if (systemClock.monotonicMs() - startedMs > TIMEOUT_MS) {
      throw new Error(`at height ${String(mine)} of ${String(theirs)} after ${String(TIMEOUT_MS)} ms`);
    }
    await sleep(systemClock, POLL_MS);
  }
}

const processes = createProcesses();
const control = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => control.abort(new Error(name)));
try {
  const network = await bringUp({
    options: {
      ...{ blocks: undefined, json: true, chaos: false, validators: VALIDATORS, timeoutSeconds: 3_600 },
      dataDir: values["data-dir"],
    },
    layout: createLayout(values["data-dir"]),
    epochLength: EPOCH_BLOCKS,
    ...{ processes, progress: createProgress(true), signal: control.signal },
    isRelayed: false,
    clusterChanges: { genesisTimeMs: systemClock.wallMs() - chainAgeMs(blocks) },
    onPrepared: fill,
  });
  const result = await measure(network);
  await processes.stopAll();
  console.log(JSON.stringify(result));
  process.exit(result.inSync ? 0 : 1);
} catch (error) {
  await processes.stopAll();
  console.error(error);
  process.exit(1);
}
