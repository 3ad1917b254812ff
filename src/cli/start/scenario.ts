import type { StartOptions } from "./options.ts";
import { StartError } from "./options.ts";
import { NamespaceId, type CommitteeId } from "../../protocol/scalars.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { systemRandom } from "../../runtime/random.ts";
import { lightClientCheckpoints } from "../../sdk/l1Checkpoints.ts";
import { lightClientAt } from "../../l1/contracts.ts";
import { watchChain, type ChainWatch } from "./chainWatch.ts";
import { watchCheckpoints, type CheckpointWatch } from "./checkpointWatch.ts";
import { createProver, type L1Prover } from "./l1Proofs.ts";
import type { LocalNetwork } from "./network.ts";
import type { Processes } from "./processes.ts";
import type { Progress } from "./progress.ts";
import { createRollup, type Rollup } from "./rollup.ts";
import { untilRelayerReady } from "./relayerProcess.ts";

/** Everything that goes on while the network runs. */
export interface Scene {
  readonly network: LocalNetwork;
  readonly processes: Processes;
  readonly progress: Progress;
  readonly options: StartOptions;
  readonly signal: AbortSignal;
  readonly rollups: readonly Rollup[];
  readonly chain: ChainWatch;
  readonly checkpoints: CheckpointWatch;
  readonly prover: L1Prover;
}

const ROLLUPS = [
  { name: "rollup A", chainId: 901_001n },
  { name: "rollup B", chainId: 901_002n },
];
const USERS = 3;
const TRAFFIC_INTERVAL_MS = 400;
const POLL_MS = 100;
/** How long killed processes stay away. */
const AWAY_MS = 1_500;

/** Sets up the rollups and the watchers; nothing runs yet. */
export async function createScene(
  base: Pick<Scene, "network" | "processes" | "progress" | "options" | "signal">,
): Promise<Scene> {
  const { network, progress } = base;
  const { l1, book } = network;
  const rollups = [];
  for (const [index, { name, chainId }] of ROLLUPS.entries()) {
    rollups.push(
      createRollup({
        name,
        namespace: NamespaceId(chainId),
        users: USERS,
        intervalMs: TRAFFIC_INTERVAL_MS,
        client: await network.client(index),
        onContent: (height, count) => {
          progress.event(
            "rollup",
            `${name} has ${String(count)} transaction${count === 1 ? "" : "s"} in block ${String(height)}`,
          );
        },
      }),
    );
  }
  const chain = watchChain(await network.client(0), (header, finalityMs) => {
    const handover = header.nextCommittee === 0n ? "" : `, hands over to committee ${String(header.nextCommittee)}`;
    progress.event(
      "block",
      `${String(header.height)}  epoch ${String(header.epoch)}  view ${String(header.viewNumber)}  ` +
        `leader ${String(header.proposer)}  final after ${String(finalityMs)} ms${handover}`,
    );
  });
  const checkpoints = watchCheckpoints(l1, book, ({ height, l1Number, gas }) => {
    progress.event("checkpoint", `block ${String(height)} on L1 in block ${String(l1Number)} for ${String(gas)} gas`);
  });
  const source = lightClientCheckpoints({ provider: l1.provider, ...book });
  const prover = createProver(await network.client(0), source, await network.stakers.fundedWallet(), book);
  return { ...base, rollups, chain, checkpoints, prover };
}

/** Waits for something to come true; the scene's signal ends the waiting with a sentence about what was waited for. */
export async function until(scene: Scene, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    if (scene.signal.aborted) throw new StartError(`stopped while waiting until ${what}`);
    await sleep(systemClock, POLL_MS);
  }
}

/** One more validator registers on L1 while the network runs, and becomes a member of the committee. */
export async function joinFifth(scene: Scene): Promise<void> {
  const { network, progress } = scene;
  const { stakers } = network;
  const joining = await network.prepareNext();
  const id = await stakers.register(joining.operator, joining.registration);
  progress.event("join", `${joining.name} registered on L1 as validator ${String(id)}`);
  await network.startValidator(joining);
  network.validators.push(joining);
  await stakers.seal([joining.registration]);
  await stakers.takeSeat(joining.operator, id);
  await stakers.rotate();
  const committee = await stakers.newestCommittee();
  progress.event("join", `${joining.name} took a seat; committee ${String(committee)} has it`);
  const isInstalled = (seen: CommitteeId): boolean => seen >= committee;
  await until(scene, `committee ${String(committee)} finalizes blocks`, () =>
    [...scene.chain.committees].some(isInstalled),
  );
  progress.event(
    "join",
    `committee ${String([...scene.chain.committees].at(-1))} finalizes blocks, ${joining.name} among them`,
  );
  const lightClient = lightClientAt(network.book.lightClient, network.l1.provider);
  await until(
    scene,
    `L1 follows committee ${String(committee)}`,
    async () => (await lightClient.status()).committee >= committee,
  );
}

/** SIGKILL to one validator and to the relayer; both come back with what is on their disks. */
export async function killAndRestart(scene: Scene): Promise<void> {
  const { network, progress } = scene;
  const half = BigInt(Math.floor((scene.options.blocks ?? 0) / 2));
  await until(scene, `block ${String(half)} is final`, () => scene.chain.height() >= half);
  const victim = network.validators[Math.floor(systemRandom.fraction() * scene.options.validators)];
  if (victim?.process === undefined) throw new StartError("there is no validator to kill");
  progress.event("chaos", `kill -9 ${victim.name} and the relayer at height ${String(scene.chain.height())}`);
  await Promise.all([victim.process.kill(), network.relayer.process()?.kill()]);
  const after = scene.chain.height() + 3n;
  await sleep(systemClock, AWAY_MS);
  await until(scene, "the others go on without it", () => scene.chain.height() >= after);
  await network.startValidator(victim);
  network.relayer.start();
  await untilRelayerReady(network.relayer);
  progress.event("chaos", `${victim.name} and the relayer are back at height ${String(scene.chain.height())}`);
  await until(
    scene,
    `${victim.name} caught up`,
    async () => (await heightOf(victim.apiUrl)) + 5n >= scene.chain.height(),
  );
}

/** What a validator says is its newest finalized block. */
export async function heightOf(apiUrl: string): Promise<bigint> {
  const answer: unknown = await (await fetch(`${apiUrl}/v1/status`)).json();
  const height = typeof answer === "object" && answer !== null && "height" in answer ? answer.height : undefined;
  if (typeof height !== "string" && typeof height !== "number") throw new StartError(`${apiUrl} reports no height`);
  return BigInt(height);
}
