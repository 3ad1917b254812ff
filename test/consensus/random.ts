import type { Event } from "../../src/consensus/input.ts";
import type { Output } from "../../src/consensus/output.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import * as Header from "../../src/protocol/Header.ts";
import type * as Proposal from "../../src/protocol/Proposal.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import {
  build,
  crash,
  createCluster,
  deliver,
  fireNext,
  pass,
  release,
  restart,
  send,
  signature,
  startAll,
  type Body,
  type Cluster,
  type Message,
  type Node,
  type Options,
} from "./cluster.ts";

/**
 * A world in which everything that the model allows happens at random: loss, delay, reordering, duplication,
 * partitions, crashes that lose what was not synced, slow certification, and one Byzantine member. One seed, one run.
 */

export interface Result {
  readonly cluster: Cluster;
  readonly violations: readonly string[];
  /** Highest finalized height when the faults ended, and at the end. */
  readonly heights: { readonly atHeal: bigint; readonly atEnd: bigint };
}

/** mulberry32: a 32-bit generator, enough to choose test schedules. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const NETWORK_MAX = 3_000;

interface World {
  readonly cluster: Cluster;
  readonly random: () => number;
  readonly weather: Weather;
  readonly byzantine: number | undefined;
  /** Votes signed by honest members, by what they speak of. */
  readonly signed: Map<string, Vote.Vote[]>;
  readonly canonical: Map<bigint, Hash>;
  readonly violations: string[];
  /** Groups that cannot hear each other: a bit per node. */
  partition: number;
}

export function simulate(seed: number, steps: number, options: Options & { readonly byzantine?: boolean }): Result {
  const random = generator(seed);
  const members = options.weights?.length ?? options.members ?? 4;
  const byzantine = options.byzantine === true ? Math.floor(random() * members) : undefined;
  const world: Omit<World, "cluster"> = {
    random,
    weather: weatherFrom(random),
    byzantine,
    signed: new Map(),
    canonical: new Map(),
    violations: [],
    partition: 0,
  };
  const cluster = createCluster({
    ...options,
    watch: (node, output) => {
      watch({ ...world, cluster }, node, output);
    },
    hold: (_, event) => isSlow(event) && random() < world.weather.slow,
  });
  const full: World = { ...world, cluster };
  startAll(cluster);
  for (let i = 0; i < steps; i++) disturb(full);
  const atHeal = highest(full);
  heal(full);
  return { cluster, violations: full.violations, heights: { atHeal, atEnd: highest(full) } };
}

function isSlow(event: Event): boolean {
  return (
    event.type === "certified" || event.type === "checked" || event.type === "built" || event.type === "votes-verified"
  );
}

function highest({ canonical }: World): bigint {
  return [...canonical.keys()].reduce((max, height) => (height > max ? height : max), 0n);
}

/** How often each fault strikes: drawn once a run, so that some runs are calm and some are wild. */
interface Weather {
  readonly timer: number;
  readonly loss: number;
  readonly crash: number;
  readonly partition: number;
  readonly slow: number;
}

function weatherFrom(random: () => number): Weather {
  const pick = (...rates: readonly number[]): number => rates[Math.floor(random() * rates.length)] ?? 0;
  return {
    timer: pick(0.001, 0.005, 0.03, 0.1),
    loss: pick(0, 0.01, 0.05),
    crash: pick(0, 0.0005, 0.003, 0.01),
    partition: pick(0, 0.0005, 0.002),
    slow: pick(0, 0.1, 0.3),
  };
}

function disturb(world: World): void {
  const { cluster, random, weather } = world;
  const node = cluster.nodes[Math.floor(random() * cluster.nodes.length)];
  if (node === undefined) return;
  if (random() < weather.timer) fireNext(cluster);
  if (random() < weather.slow) release(cluster, node);
  if (random() < weather.crash) crash(node);
  if (node.state === undefined && random() < 0.01) restart(cluster, node, Math.floor(random() * 3));
  if (random() < weather.partition) world.partition = Math.floor(random() * 2 ** cluster.nodes.length);
  if (random() < weather.partition * 2) world.partition = 0;
  deliverAny(world);
  if (cluster.network.length > NETWORK_MAX) cluster.network.splice(0, NETWORK_MAX / 2);
}

function deliverAny(world: World): void {
  const { cluster, random } = world;
  // Mostly old messages first, so that rounds complete; sometimes anything.
  const reach = random() < 0.8 ? Math.min(cluster.network.length, 12) : cluster.network.length;
  const at = Math.floor(random() * reach);
  const message = cluster.network[at];
  if (message === undefined) {
    fireNext(cluster);
    return;
  }
  const isDuplicated = random() < 0.02;
  if (!isDuplicated) cluster.network.splice(at, 1);
  if (random() < world.weather.loss || isCut(world, message)) return;
  deliver(cluster, message);
}

function isCut({ partition }: World, { from, to }: Message): boolean {
  return ((partition >> from) & 1) !== ((partition >> to) & 1);
}

const HEAL_MS = 120_000;
const PROGRESS = 8n;

/** All faults end: everyone is up, answers come, messages arrive in time. */
function heal(world: World): void {
  const { cluster } = world;
  world.partition = 0;
  for (const node of cluster.nodes) if (node.state === undefined) restart(cluster, node);
  const end = cluster.nowMs + HEAL_MS;
  const target = highest(world) + PROGRESS;
  while (cluster.nowMs < end && lowest(world) < target) {
    for (const node of cluster.nodes) release(cluster, node);
    pass(cluster, 50);
  }
}

/** The lowest of the honest nodes' finalized heights. */
function lowest({ cluster, byzantine }: World): bigint {
  const heights = cluster.nodes
    .filter(({ index }) => index !== byzantine)
    .map(({ state }) => state?.anchor.header.height ?? 0n);
  return heights.reduce((min, height) => (height < min ? height : min));
}

/** The checkers: agreement, and that no honest member ever signs a slashable pair. They look at outputs only. */
function watch(world: World, index: number, output: Output): void {
  if (index === world.byzantine) {
    misbehave(world, index, output);
    return;
  }
  if (output.type === "sign") checkHonest(world, index, output.vote);
  if (output.type === "propose") {
    checkHonest(world, index, Vote.notarize(output.epoch, output.view, Header.hash(output.header)));
  }
  if (output.type === "report-fork") world.violations.push(`n${String(index)} reports a fork`);
  if (output.type === "finalized") {
    for (const header of output.headers) {
      const known = world.canonical.get(header.height) ?? Header.hash(header);
      world.canonical.set(header.height, known);
      if (known !== Header.hash(header)) world.violations.push(`two blocks final at height ${String(header.height)}`);
    }
  }
}

function checkHonest(world: World, index: number, vote: Vote.Vote): void {
  const key = `${String(index)} ${String(vote.epoch)} ${String(vote.view)}`;
  const before = world.signed.get(key) ?? [];
  if (before.some((other) => Vote.contradict(other, vote))) world.violations.push(`n${key} signs a pair`);
  world.signed.set(key, [...before, vote]);
}

/** The Byzantine member says what it should, and often something contradicting to some. */
function misbehave(world: World, index: number, output: Output): void {
  const { cluster, random } = world;
  const node = cluster.nodes[index];
  if (node === undefined || random() < 0.4) return;
  const toSome = (body: Body): void => {
    for (const { index: to } of cluster.nodes) {
      if (to !== index && random() < 0.5) send(cluster, index, to, body);
    }
  };
  const vote = (statement: Vote.Vote): void => {
    toSome({ type: "vote", vote: { vote: statement, signer: index, signature: signature(index, random() < 0.9) } });
  };
  if (output.type === "propose") {
    const other = otherBlock(world, node, output.header);
    const proposal: Proposal.Proposal = { ...output, header: other, leader: index, signature: signature(index) };
    toSome({ type: "proposal", proposal });
    vote(Vote.notarize(output.epoch, output.view, Header.hash(other)));
    vote(Vote.finalize(output.epoch, output.view, Header.hash(other)));
  }
  if (output.type !== "sign") return;
  const { epoch, view } = output.vote;
  const block = Vote.block(output.vote);
  if (block === undefined) {
    const named = [...(node.state?.blocks.keys() ?? [])].at(-1);
    if (named !== undefined) vote(Vote.finalize(epoch, view, named));
  } else {
    vote(Vote.nullify(epoch, view));
    vote(Vote.finalize(epoch, view, block));
  }
}

function otherBlock(world: World, node: Node, header: Header.Header): Header.Header {
  const parent = [...(node.state?.blocks.values() ?? [])].find(
    ({ header: known }) => Header.hash(known) === header.parent,
  );
  const base = parent?.header ?? node.state?.anchor.header ?? header;
  const request = {
    type: "build",
    epoch: header.epoch,
    view: header.viewNumber,
    parent: base,
    parentView: header.viewNumber,
    history: header.history,
  } as const;
  return {
    ...build(node.context, request, "other"),
    proposer: header.proposer,
    timestamp: header.timestamp + BigInt(Math.floor(world.random() * 2)),
  };
}
