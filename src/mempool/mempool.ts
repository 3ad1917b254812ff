import { crc32 } from "node:zlib";

import { expectPresent } from "../runtime/assert.ts";
import type { Hash } from "../crypto/hash.ts";
import type { NamespaceId } from "../protocol/scalars.ts";

/** One transaction of a namespace, as it will stand in a block. */
export interface Part {
  readonly namespace: NamespaceId;
  readonly envelope: Uint8Array;
  /** keccak256 of the envelope bytes: with the namespace, what makes a transaction the same. */
  readonly hash: Hash;
}

/**
 * What enters and leaves the pool as one: a single transaction, or all parts of a bundle. Parts of a bundle are never
 * held apart, so a forged part can't hold back a true one (MEM-4).
 */
export interface Unit {
  readonly parts: readonly [Part, ...Part[]];
}

/** Bounds of a pool; a unit of a bundle counts in every namespace it touches. */
export interface Limits {
  readonly maxBytes: number;
  readonly maxUnits: number;
  readonly maxNamespaces: number;
  readonly maxBytesPerNamespace: number;
  readonly maxUnitsPerNamespace: number;
  /** Envelope bytes of one unit: no more than fit into a block. */
  readonly maxUnitBytes: number;
  /** Transactions of one unit: no more than a block may have, and than it may have namespaces. */
  readonly maxUnitParts: number;
  readonly lifetimeMs: number;
  /** How many included transactions are remembered, oldest forgotten first. */
  readonly maxIncluded: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxBytes: 64 * 1024 * 1024,
  maxUnits: 65_536,
  maxNamespaces: 1024,
  maxBytesPerNamespace: 16 * 1024 * 1024,
  maxUnitsPerNamespace: 16_384,
  maxUnitBytes: 1024 * 1024,
  maxUnitParts: 16,
  lifetimeMs: 10 * 60 * 1000,
  maxIncluded: 262_144,
};

interface Entry {
  readonly unit: Unit;
  /** Order of arrival. */
  readonly sequence: number;
  readonly receivedAtMs: number;
  readonly bytes: number;
  readonly namespaces: readonly NamespaceId[];
  /** CRC-32 of each part's envelope. */
  readonly checksums: readonly number[];
}

interface Lane {
  /** By sequence, ascending: a Map keeps the order of insertion. */
  readonly entries: Map<number, Entry>;
  /** Sequences, newest last; some may have left the lane already. */
  newest: number[];
  bytes: number;
}

/** How many sequences that left may linger in a lane beyond as many as it holds. */
const STALE_MAX = 64;

/** The waiting transactions of one node. Changed only by the functions of this module. */
export interface Mempool {
  readonly limits: Limits;
  readonly entries: Map<number, Entry>;
  readonly byKey: Map<string, number>;
  /** Waiting transactions by the CRC-32 of their envelopes; of several with one checksum the newest. */
  readonly byChecksum: Map<number, Part>;
  readonly lanes: Map<NamespaceId, Lane>;
  readonly included: Set<string>;
  bytes: number;
  nextSequence: number;
}

/** Why a unit was refused. */
export type Refusal =
  | { readonly code: "known"; readonly hash: Hash }
  | { readonly code: "already-included"; readonly hash: Hash }
  | { readonly code: "too-large"; readonly given: number; readonly maximum: number }
  | { readonly code: "too-many-parts"; readonly given: number; readonly maximum: number }
  | { readonly code: "namespace-full"; readonly namespace: NamespaceId; readonly units: number; readonly bytes: number }
  | { readonly code: "too-many-namespaces"; readonly maximum: number }
  | { readonly code: "full"; readonly units: number; readonly bytes: number };

export type Added = { readonly added: true; readonly evicted: readonly Unit[] } | Refused;
export interface Refused {
  readonly added: false;
  readonly refusal: Refusal;
}

export function createMempool(limits: Limits = DEFAULT_LIMITS): Mempool {
  return {
    limits,
    entries: new Map(),
    byKey: new Map(),
    byChecksum: new Map(),
    lanes: new Map(),
    included: new Set(),
    bytes: 0,
    nextSequence: 0,
  };
}

/** What makes two transactions the same: namespace and envelope (MEM-2). */
export function keyOf(namespace: NamespaceId, hash: Hash): string {
  return `${String(namespace)}/${hash}`;
}

function keysOf(unit: Unit): string[] {
  return unit.parts.map((part) => keyOf(part.namespace, part.hash));
}

/** Adds a unit at the end of its lanes, or says why not. Making room evicts from the fullest lane (MEM-3). */
export function add(pool: Mempool, unit: Unit, nowMs: number): Added {
  const refusal = refusalOf(pool, unit);
  if (refusal !== undefined) return { added: false, refusal };
  const entry = entryOf(pool, unit, nowMs);
  const evicted = makeRoom(pool, entry);
  if (evicted === undefined) return refuse({ code: "full", units: pool.entries.size, bytes: pool.bytes });
  pool.nextSequence += 1;
  insertEntry(pool, entry);
  return { added: true, evicted };
}

function refuse(refusal: Refusal): Refused {
  return { added: false, refusal };
}

function entryOf(pool: Mempool, unit: Unit, nowMs: number): Entry {
  const bytes = unit.parts.reduce((sum, part) => sum + part.envelope.length, 0);
  const namespaces = [...new Set(unit.parts.map((part) => part.namespace))];
  const checksums = unit.parts.map((part) => crc32(part.envelope));
  return { unit, sequence: pool.nextSequence, receivedAtMs: nowMs, bytes, namespaces, checksums };
}

function refusalOf(pool: Mempool, unit: Unit): Refusal | undefined {
  const { limits } = pool;
  for (const { namespace, hash } of unit.parts) {
    if (pool.byKey.has(keyOf(namespace, hash))) return { code: "known", hash };
    if (pool.included.has(keyOf(namespace, hash))) return { code: "already-included", hash };
  }
  const { length: parts } = unit.parts;
  if (parts > limits.maxUnitParts) return { code: "too-many-parts", given: parts, maximum: limits.maxUnitParts };
  const bytes = unit.parts.reduce((sum, part) => sum + part.envelope.length, 0);
  if (bytes > limits.maxUnitBytes) return { code: "too-large", given: bytes, maximum: limits.maxUnitBytes };
  const namespaces = new Set(unit.parts.map((part) => part.namespace));
  let opened = 0;
  for (const namespace of namespaces) {
    const lane = pool.lanes.get(namespace);
    if (lane === undefined) {
      opened += 1;
    } else if (
      lane.entries.size + 1 > limits.maxUnitsPerNamespace ||
      lane.bytes + bytes > limits.maxBytesPerNamespace
    ) {
      return { code: "namespace-full", namespace, units: lane.entries.size, bytes: lane.bytes };
    }
  }
  if (pool.lanes.size + opened > limits.maxNamespaces) {
    return { code: "too-many-namespaces", maximum: limits.maxNamespaces };
  }
  return undefined;
}

/**
 * MEM-3: when the pool is full, the newest unit of the lane with the most bytes gives way, unless the newcomer's own
 * lane would then be the fullest: a chain that floods crowds out only itself. Undefined when no room may be made.
 */
function makeRoom(pool: Mempool, entry: Entry): Unit[] | undefined {
  const { maxBytes, maxUnits } = pool.limits;
  const laneBytes = (namespace: NamespaceId): number => pool.lanes.get(namespace)?.bytes ?? 0;
  const own = Math.max(...entry.namespaces.map((namespace) => laneBytes(namespace) + entry.bytes));
  const evicted: Entry[] = [];
  while (pool.bytes + entry.bytes > maxBytes || pool.entries.size + 1 > maxUnits) {
    const victim = newestOfFullest(pool, own);
    if (victim === undefined) {
      for (const restored of evicted.reverse()) insertEntry(pool, restored);
      return undefined;
    }
    removeEntry(pool, victim);
    evicted.push(victim);
  }
  return evicted.map((victim) => victim.unit);
}

function newestOfFullest(pool: Mempool, above: number): Entry | undefined {
  let fullest: Lane | undefined;
  for (const lane of pool.lanes.values()) {
    if (lane.bytes > (fullest?.bytes ?? above)) fullest = lane;
  }
  if (fullest === undefined) return undefined;
  for (;;) {
    const sequence = expectPresent(fullest.newest.at(-1), "a lane with bytes has units");
    const entry = fullest.entries.get(sequence);
    if (entry !== undefined) return entry;
    fullest.newest.pop();
  }
}

function insertEntry(pool: Mempool, entry: Entry): void {
  pool.bytes += entry.bytes;
  pool.entries.set(entry.sequence, entry);
  for (const key of keysOf(entry.unit)) pool.byKey.set(key, entry.sequence);
  for (const [i, part] of entry.unit.parts.entries()) pool.byChecksum.set(entry.checksums[i] ?? 0, part);
  for (const namespace of entry.namespaces) {
    const lane = pool.lanes.get(namespace) ?? { entries: new Map<number, Entry>(), newest: [], bytes: 0 };
    lane.entries.set(entry.sequence, entry);
    lane.newest.push(entry.sequence);
    lane.bytes += entry.bytes;
    if (lane.newest.length > 2 * lane.entries.size + STALE_MAX) lane.newest = [...lane.entries.keys()];
    pool.lanes.set(namespace, lane);
  }
}

function removeEntry(pool: Mempool, entry: Entry): void {
  if (!pool.entries.delete(entry.sequence)) return;
  pool.bytes -= entry.bytes;
  for (const key of keysOf(entry.unit)) pool.byKey.delete(key);
  for (const [i, part] of entry.unit.parts.entries()) {
    const checksum = entry.checksums[i] ?? 0;
    if (pool.byChecksum.get(checksum) === part) pool.byChecksum.delete(checksum);
  }
  for (const namespace of entry.namespaces) {
    const lane = expectPresent(pool.lanes.get(namespace), "lane");
    lane.entries.delete(entry.sequence);
    lane.bytes -= entry.bytes;
    if (lane.entries.size === 0) pool.lanes.delete(namespace);
  }
}

/** Drops what is older than the lifetime; returns how many units that were (MEM-5). */
export function expire(pool: Mempool, nowMs: number): number {
  let dropped = 0;
  for (const entry of pool.entries.values()) {
    if (nowMs - entry.receivedAtMs < pool.limits.lifetimeMs) continue;
    removeEntry(pool, entry);
    dropped += 1;
  }
  return dropped;
}

/** Takes finalized transactions out and remembers them, so that late gossip does not bring them back (MEM-2). */
export function markIncluded(pool: Mempool, keys: Iterable<string>): void {
  for (const key of keys) {
    const sequence = pool.byKey.get(key);
    const entry = sequence === undefined ? undefined : pool.entries.get(sequence);
    if (entry !== undefined) removeEntry(pool, entry);
    pool.included.delete(key);
    pool.included.add(key);
  }
  for (const oldest of pool.included) {
    if (pool.included.size <= pool.limits.maxIncluded) break;
    pool.included.delete(oldest);
  }
}

/** What the chain no longer has, for a resume took it back, may be offered and included anew. */
export function forgetIncluded(pool: Mempool, keys: Iterable<string>): void {
  for (const key of keys) pool.included.delete(key);
}

/** Whether a transaction waits here. */
export function has(pool: Mempool, namespace: NamespaceId, hash: Hash): boolean {
  return pool.byKey.has(keyOf(namespace, hash));
}

/**
 * The hash of a waiting transaction with these very bytes: comparing is many times cheaper than hashing. A forged
 * checksum costs one comparison and hides at most the forger's victim from this shortcut.
 */
export function hashOf(pool: Mempool, envelope: Uint8Array): Hash | undefined {
  const part = pool.byChecksum.get(crc32(envelope));
  return part !== undefined && Buffer.compare(part.envelope, envelope) === 0 ? part.hash : undefined;
}

/** What a block has room for. */
export interface Room {
  readonly bytes: number;
  readonly transactions: number;
  readonly namespaces: number;
  /** What each transaction and each namespace cost beyond the envelope bytes. */
  readonly bytesPerTransaction: number;
  readonly bytesPerNamespace: number;
}

interface Turn {
  readonly waiting: Iterator<Entry>;
  deficit: number;
  head: Entry | undefined;
}

/** Bytes a namespace may take each time its turn comes round: small against a block, large against a transaction. */
const QUANTUM_BYTES = 8 * 1024;

/**
 * MEM-1: chooses what the next block carries. Inside a namespace units go first in, first out. Among namespaces, deficit
 * round robin (Shreedhar, Varghese, SIGCOMM 1995): each turn adds a quantum of bytes, so a crowded block is shared
 * equally and what one leaves unused falls to the others. `turn` moves the start, so that no namespace is first for
 * ever. A bundle is taken when it reaches the head of any of its lanes and is charged there. Units with a transaction in `excluded` (those
 * of unfinalized ancestors) are passed over. The result is in order of arrival.
 */
export function select(pool: Mempool, room: Room, turn: number, excluded: ReadonlySet<string>): Unit[] {
  const ids = [...pool.lanes.keys()].sort((a, b) => (a < b ? -1 : 1));
  const start = ids.length === 0 ? 0 : turn % ids.length;
  let ring = [...ids.slice(start), ...ids.slice(0, start)].map((id): Turn => {
    return { waiting: expectPresent(pool.lanes.get(id), "lane").entries.values(), deficit: 0, head: undefined };
  });
  const chosen = new Map<number, Entry>();
  const taken = { bytes: 0, transactions: 0, namespaces: new Set<NamespaceId>() };
  while (ring.length > 0) {
    for (const lane of ring) {
      lane.deficit += QUANTUM_BYTES;
      for (;;) {
        lane.head ??= nextWaiting(lane.waiting, chosen, excluded);
        if (lane.head === undefined) break;
        if (chosen.has(lane.head.sequence)) {
          lane.head = undefined;
          continue;
        }
        if (lane.head.bytes > lane.deficit) break;
        if (!takeIfItFits(lane.head, room, taken)) {
          lane.deficit = -1;
          break;
        }
        lane.deficit -= lane.head.bytes;
        chosen.set(lane.head.sequence, lane.head);
        lane.head = undefined;
      }
    }
    ring = ring.filter((lane) => lane.head !== undefined && lane.deficit >= 0);
  }
  return [...chosen.values()].sort((a, b) => a.sequence - b.sequence).map((entry) => entry.unit);
}

function nextWaiting(
  waiting: Iterator<Entry>,
  chosen: ReadonlyMap<number, Entry>,
  excluded: ReadonlySet<string>,
): Entry | undefined {
  for (;;) {
    const next = waiting.next();
    if (next.done === true) return undefined;
    if (chosen.has(next.value.sequence)) continue;
    if (keysOf(next.value.unit).some((key) => excluded.has(key))) continue;
    return next.value;
  }
}

function takeIfItFits(
  entry: Entry,
  room: Room,
  taken: { bytes: number; transactions: number; namespaces: Set<NamespaceId> },
): boolean {
  const opened = entry.namespaces.filter((namespace) => !taken.namespaces.has(namespace));
  const transactions = taken.transactions + entry.unit.parts.length;
  const cost =
    entry.bytes + entry.unit.parts.length * room.bytesPerTransaction + opened.length * room.bytesPerNamespace;
  if (taken.bytes + cost > room.bytes || transactions > room.transactions) return false;
  if (taken.namespaces.size + opened.length > room.namespaces) return false;
  taken.bytes += cost;
  taken.transactions = transactions;
  for (const namespace of opened) taken.namespaces.add(namespace);
  return true;
}
