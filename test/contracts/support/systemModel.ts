import { expect } from "chai";
import { ZeroHash } from "ethers";
import type { network } from "hardhat";

import type { LightClient, SequencedInbox } from "../../../types/ethers-contracts/index.js";
import { certify, type TestCommittee } from "./committee.ts";
import { digestOf, makeHeader, type TestHeader, word } from "./header.ts";
import { checkpointOf, finalizeDigest, PARAMETERS } from "./lightClient.ts";
import * as slashing from "./slashing.ts";
import { BLOCK_A, BLOCK_B, finalize, pairEvidence } from "./slashing.ts";
import * as staking from "./staking.ts";
import { DAY, ESCROW, SALT, type TestValidator, TOKENS, WAD } from "./staking.ts";

/**
 * All contracts together under random actions: stake, seats, committees, finalizations, evidence, forks, resumes, and a
 * rollup's escape hatch. `systemInvariants.ts` has what holds after each.
 */
export interface System {
  readonly world: slashing.SlashingWorld;
  readonly lightClient: LightClient;
  readonly inbox: SequencedInbox;
  readonly validators: TestValidator[];
  readonly committees: SystemCommittee[];
  readonly ghost: SystemGhost;
}

export interface SystemCommittee extends TestCommittee {
  readonly createdAt: bigint;
}

export interface SystemGhost {
  /** Header and time of the latest checkpoint. */
  latest: { readonly header: TestHeader; readonly receivedAt: bigint; readonly viewNumber: bigint } | undefined;
  readonly slashedAt: Map<bigint, bigint>;
  readonly queuedAt: bigint[];
  head: bigint;
  place: readonly [bigint, bigint, bigint];
}

export interface Action {
  readonly handler: number;
  readonly a: number;
  readonly b: number;
}

export const TERMS = { entryAge: DAY, liveAge: DAY, armDelay: 3_600n };
export const CLIENT = { ...PARAMETERS, epochLength: 10n };
const VALIDATORS_MAX = 16;
const DELEGATOR = 11;

export async function startSystem(created: Awaited<ReturnType<typeof network.create>>): Promise<System> {
  const world = await slashing.deploySlashing(created, {}, { launchPenalty: WAD / 2n });
  const { ethers, stakeTable } = world;
  const validators = await staking.seated(
    world,
    [1000n, 1100n, 900n, 1200n, 1000n, 950n, 800n].map((stake) => stake * TOKENS),
  );
  const lightClient = await ethers.deployContract("LightClient", [stakeTable.target, SALT, CLIENT]);
  const inbox = await ethers.deployContract("SequencedInbox", [lightClient.target, 7n, 0n, TERMS]);
  const ghost: SystemGhost = {
    latest: undefined,
    slashedAt: new Map(),
    queuedAt: [],
    head: 0n,
    place: [0n, 0n, 0n],
  };
  const system = { world, lightClient, inbox, validators, committees: [], ghost };
  await rotate(system);
  return system;
}

export async function now({ world }: System): Promise<bigint> {
  return BigInt(await world.helpers.time.latest());
}

type Handler = (system: System, action: Action) => Promise<unknown>;

function pick<T>(list: readonly T[], index: number): T {
  const chosen = list[index % list.length];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}

function committeeOf({ committees }: System, id: bigint): SystemCommittee {
  const found = committees.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no committee ${String(id)}`);
  return found;
}

async function installed(system: System): Promise<SystemCommittee> {
  return committeeOf(system, (await system.lightClient.status()).committee || 1n);
}

/** Makes a committee, and keeps who is in it with what weight as the stake table said. */
async function rotate(system: System): Promise<void> {
  const { world, validators, committees } = system;
  await staking.rotate(world);
  const { id, description } = await staking.newestCommittee(world);
  const weights = staking.weightsOf(description);
  const ids: bigint[] = [];
  for (let seat = 0; seat < VALIDATORS_MAX; seat++) {
    const [occupant] = await world.stakeTable.seat(seat);
    if (occupant !== 0n) ids.push(occupant);
  }
  expect(weights.length, "INV-WEIGHT").to.equal(ids.length);
  const members = ids.map((validator, index) => {
    const { key } = pick(validators, Number(validator) - 1);
    return { ...key, weight: weights[index] ?? 0, page: 0, slot: 0, validator: Number(validator) };
  });
  committees.push({ id, members, createdAt: await now(system) });
}

/** The header that comes next, of the end of the epoch if it is to be a handover. */
async function nextHeader(system: System, { a, b }: Action, isHandover: boolean): Promise<TestHeader> {
  const { height, epoch, viewNumber } = await system.lightClient.status();
  const isOver = height >= epoch * CLIENT.epochLength;
  const last = (isOver ? epoch + 1n : epoch) * CLIENT.epochLength;
  const isLast = isHandover || height + 1n === last;
  const l1Number = BigInt(await system.world.ethers.provider.getBlockNumber());
  return makeHeader({
    height: isLast ? last : height + 1n,
    epoch: isOver ? epoch + 1n : epoch,
    viewNumber: (isOver ? 0n : viewNumber) + 1n + BigInt(a % 2),
    committee: (await installed(system)).id,
    timestamp: (await now(system)) * 1000n,
    nextCommittee: isLast ? pick(system.committees, system.committees.length - 1).id : 0n,
    l1Number,
    payload: word(`${String(a)} ${String(b)}`),
  });
}

function finalized(system: System, header: TestHeader, by: TestCommittee, absent: readonly number[] = []) {
  const digest = finalizeDigest(system.world.domain, header);
  return { header, certificate: certify(by, digest, header.viewNumber, absent) };
}

async function post(system: System, header: TestHeader, absent: readonly number[] = []): Promise<void> {
  const { certificate } = finalized(system, header, await installed(system), absent);
  await system.lightClient.advance(header, certificate);
  system.ghost.latest = { header, receivedAt: await now(system), viewNumber: header.viewNumber };
}

const advance: Handler = async (system, action) =>
  post(system, await nextHeader(system, action, false), [action.b % 7]);
const handOver: Handler = async (system, action) => post(system, await nextHeader(system, action, true));

/** A finalization that was held back, of days ago. */
const advanceLate: Handler = async (system, action) => {
  const header = await nextHeader(system, action, false);
  return post(system, { ...header, timestamp: header.timestamp - BigInt(action.a) * 3_600_000n });
};

const stake: Handler = async ({ world, validators }, { a, b }) => {
  const table = world.stakeTable.connect(staking.accountAt(world, DELEGATOR));
  const { id } = pick(validators, a);
  if (b % 3 !== 0) return table.delegate(id, BigInt(1 + b) * 10n * TOKENS, 0n);
  const held = await table.sharesOf(id, staking.accountAt(world, DELEGATOR).address);
  return table.undelegate(id, held / 2n);
};

const join: Handler = async (system, { a }) => {
  const { world, validators } = system;
  if (validators.length >= VALIDATORS_MAX) return;
  const operator = staking.accountAt(world, validators.length % 10);
  const joined = await staking.register(world, { operator, selfStake: BigInt(800 + a) * TOKENS });
  validators.push(joined);
  await world.stakeTable.seal(joined.key.packed);
  await world.stakeTable.connect(operator).takeSeat(joined.id);
};

const slash: Handler = async (system, { a }) => {
  const { world, validators, ghost } = system;
  const { id, key } = pick(validators, a);
  await world.slashing.slash(pairEvidence(world, key, finalize(BLOCK_A), finalize(BLOCK_B)));
  expect(ghost.slashedAt.has(id), "INV-ONCE").to.equal(false);
  ghost.slashedAt.set(id, await now(system));
};

const settle: Handler = async (system, { a }) => {
  const { world, ghost } = system;
  const [id, slashedAt] = pick([...ghost.slashedAt], a);
  await world.slashing.settle(id);
  expect((await now(system)) > slashedAt + ESCROW, "INV-SETTLE").to.equal(true);
};

const report: Handler = async (system, { a }) => {
  const { id, members } = pick(system.committees, a);
  const seats = members.flatMap(({ validator }, seat) => (system.ghost.slashedAt.has(BigInt(validator)) ? [seat] : []));
  return system.lightClient.reportSlashed(id, seats);
};

const freeze: Handler = async (system, { a }) => {
  const by = pick([await installed(system), ...system.committees], a % 3);
  const one = await nextHeader(system, { handler: 0, a: 0, b: 0 }, false);
  const header = { ...one, committee: by.id, nextCommittee: 0n, height: one.height + 1n };
  const other = { ...header, viewNumber: header.viewNumber + 1n };
  return system.lightClient.freeze(finalized(system, header, by), finalized(system, other, by), ZeroHash, []);
};

const resume: Handler = async (system) => {
  const { lightClient, ghost, world } = system;
  if (ghost.latest === undefined) return;
  const { header, receivedAt, viewNumber } = ghost.latest;
  const latest = checkpointOf(header, receivedAt, viewNumber);
  await rotate(system);
  await world.helpers.time.increase(2n * DAY + 1n);
  const by = pick(system.committees, system.committees.length - 1);
  const { epoch } = await lightClient.status();
  const message = {
    epoch: (epoch > header.epoch ? epoch : header.epoch) + 1n,
    blockHash: latest.blockHash,
    committee: by.id,
  };
  const digest = digestOf(world.domain, "Resume", { ...message, block: message.blockHash });
  await lightClient.resume(message, certify(by, digest, 0n), header, latest, []);
  await world.helpers.time.increase(CLIENT.resumeDelay);
  await lightClient.applyResume();
  ghost.latest = { header, receivedAt: await now(system), viewNumber: header.viewNumber };
};

const enqueue: Handler = async (system) => {
  await system.inbox.enqueue("0x01");
  system.ghost.queuedAt.push(await now(system));
};

const record: Handler = async ({ inbox, ghost, lightClient }, { a }) => {
  if (ghost.latest === undefined) return;
  const { header, receivedAt, viewNumber } = ghost.latest;
  const [head, tail] = await inbox.hatch();
  const upTo = head + (tail === head ? 0n : BigInt(a) % (tail - head + 1n));
  return inbox.record(checkpointOf(header, receivedAt, viewNumber), await lightClient.LATEST_POSITION(), upTo);
};

const HANDLERS: readonly Handler[] = [
  ...[advance, advance, advance, advance, handOver, handOver, advanceLate, stake, stake, join, settle, report, report],
  ...[resume, resume, enqueue, enqueue, record, record],
  // Rare: nothing else would happen.
  async (system, action) => (action.b % 2 === 0 ? slash(system, action) : undefined),
  async (system, action) => (action.b % 4 === 0 ? freeze(system, action) : undefined),
  async (system) => rotate(system),
  async ({ inbox }) => inbox.openHatch(),
  async ({ inbox }) => inbox.armHatch(),
  async ({ inbox }) => inbox.closeHatch(),
  async ({ inbox }) => inbox.includeQueue(),
  async ({ world }, { a }) => world.helpers.time.increase(BigInt(a) * 60n + 1n),
  async ({ world }, { a }) => world.helpers.time.increase(BigInt(1 + (a % 30)) * 3_600n),
  async ({ world }, { a, b }) => (b % 2 === 0 ? world.helpers.time.increase(BigInt(1 + (a % 7)) * DAY) : undefined),
];
export const HANDLER_COUNT = HANDLERS.length;

/** Performs an action; what a contract refuses with a typed error changes nothing, any other failure counts. */
export async function perform(system: System, action: Action): Promise<boolean> {
  try {
    await pick(HANDLERS, action.handler)(system, action);
  } catch (error) {
    expect(String(error)).to.match(/custom error '\w+\(|nothing to pick from/);
    return false;
  }
  return true;
}
