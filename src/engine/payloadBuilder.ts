import type { Hash } from "../crypto/hash.ts";
import { disperse, type Dispersal } from "../dispersal/dispersal.ts";
import * as Mempool from "../mempool/mempool.ts";
import type { BlockLimits, ClusterConfig } from "../protocol/ClusterConfig.ts";
import type * as Header from "../protocol/Header.ts";
import { hash as headerHash } from "../protocol/Header.ts";
import * as NamespaceTable from "../protocol/NamespaceTable.ts";
import * as Payload from "../protocol/Payload.ts";
import { CommitteeId, FIRST_EPOCH, GENESIS_HEIGHT, Height, NO_COMMITTEE, type View } from "../protocol/scalars.ts";
import type { CancelTimer, Clock } from "../runtime/clock.ts";
import type { L1View } from "./l1View.ts";
import type { Membership } from "./membership.ts";
import { withHashes, type OpenedPayload } from "./openedPayload.ts";

/** What `Payload.encode` adds: a count and a length per namespace, a length per envelope, a count for all. */
const ROOM_RESERVED_BYTES = 4;
const BYTES_PER_NAMESPACE = 8 + 4;
const BYTES_PER_TRANSACTION = 4;

/** MEM-3: a unit that fits into no block would stand at the head of its lane for ever, so it is not taken. */
export function limitsFor(limits: Mempool.Limits, block: BlockLimits): Mempool.Limits {
  const maxUnitParts = Math.min(limits.maxUnitParts, block.transactionsMax, block.namespacesMax);
  const overhead = ROOM_RESERVED_BYTES + maxUnitParts * (BYTES_PER_NAMESPACE + BYTES_PER_TRANSACTION);
  return { ...limits, maxUnitParts, maxUnitBytes: Math.min(limits.maxUnitBytes, block.payloadBytesMax - overhead) };
}

export interface BuildRequest {
  readonly view: View;
  readonly parent: Header.Header;
  /** The child's `history`. */
  readonly history: Hash;
}

export interface BuiltBlock {
  readonly header: Header.Header;
  readonly dispersal: Dispersal;
  readonly opened: OpenedPayload;
}

export interface BuilderPorts {
  readonly clock: Clock;
  readonly l1: L1View;
  readonly config: ClusterConfig;
  readonly mempool: Mempool.Mempool;
}

/** Anchor and next committee of a block on `parent`; undefined where this node's L1 can't give them. */
export function l1Fields(
  ports: Pick<BuilderPorts, "l1" | "config">,
  membership: Membership,
  parent: Header.Header,
): Pick<Header.Header, "l1Number" | "l1Hash" | "nextCommittee"> | undefined {
  const { l1, config } = ports;
  const newest = l1.reachable() ? l1.finalized() : undefined;
  // At the parent's number its hash stands, whatever an endpoint that changed its mind says now (PROP-5).
  const anchor =
    newest !== undefined && newest.number > parent.l1Number
      ? { l1Number: newest.number, l1Hash: newest.hash }
      : { l1Number: parent.l1Number, l1Hash: parent.l1Hash };
  if (parent.height === GENESIS_HEIGHT) {
    const created = l1.createdAt(CommitteeId(FIRST_EPOCH));
    if (created === undefined || anchor.l1Number < created) return undefined;
  }
  // PROP-4: after a resume the parent's anchor may be older than the committee; then L1 has to be in reach.
  if (anchor.l1Number < membership.committee.createdNumber) return undefined;
  const height = parent.height + 1n;
  if (height !== membership.epoch * BigInt(config.epochLength)) return { ...anchor, nextCommittee: NO_COMMITTEE };
  const next = l1.newestCommitteeAt(anchor.l1Number);
  return next === undefined || next < membership.committee.id ? undefined : { ...anchor, nextCommittee: next };
}

/** What the next block carries; empty where nothing waits, or where ancestors are unknown (`excluded` undefined). */
export function chooseUnits(
  ports: BuilderPorts,
  parent: Header.Header,
  excluded: ReadonlySet<string> | undefined,
): Mempool.Unit[] {
  // GOSSIP-3: without knowing what the ancestors carry, a transaction might be included twice.
  if (excluded === undefined) return [];
  const { limits } = ports.config;
  const room: Mempool.Room = {
    bytes: limits.payloadBytesMax - ROOM_RESERVED_BYTES,
    transactions: limits.transactionsMax,
    namespaces: limits.namespacesMax,
    bytesPerNamespace: BYTES_PER_NAMESPACE,
    bytesPerTransaction: BYTES_PER_TRANSACTION,
  };
  return Mempool.select(ports.mempool, room, Number(parent.height % BigInt(Number.MAX_SAFE_INTEGER)), excluded);
}

/** The block this node proposes now; undefined where local state is not enough (rule 6: a failed build). */
export function buildBlock(
  ports: BuilderPorts,
  membership: Membership,
  request: BuildRequest,
  units: readonly Mempool.Unit[],
): BuiltBlock | undefined {
  const { parent, view, history } = request;
  const proposer = membership.seat;
  const fields = l1Fields(ports, membership, parent);
  if (proposer === undefined || fields === undefined) return undefined;
  const parts = units.flatMap((unit) => unit.parts);
  const payload = Payload.fromTransactions(parts);
  const hashes = new Map(parts.map(({ envelope, hash }) => [envelope, hash]));
  const bytes = Payload.encode(payload);
  const dispersal = disperse(bytes, membership.layout);
  const now = BigInt(ports.clock.wallMs());
  const header: Header.Header = {
    height: Height(parent.height + 1n),
    epoch: membership.epoch,
    viewNumber: view,
    committee: membership.committee.id,
    timestamp: now > parent.timestamp ? now : parent.timestamp + 1n,
    parent: headerHash(parent),
    history,
    payload: dispersal.commitment,
    namespaces: NamespaceTable.root(Payload.table(payload)),
    ...fields,
    proposer,
  };
  return { header, dispersal, opened: withHashes(bytes, payload, (envelope) => hashes.get(envelope)) };
}

/** Waits with an empty block until `emptyBlockDelay` has passed or there is something to include. */
export class BuildTimer {
  readonly #clock: Clock;
  #cancel: CancelTimer | undefined;
  #attempt: ((isLast: boolean) => boolean) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `attempt` now, at every `wake`, and for the last time after `delayMs`, until it says that it has built. */
  start(delayMs: number, attempt: (isLast: boolean) => boolean): void {
    this.close();
    if (attempt(false)) return;
    this.#attempt = attempt;
    this.#cancel = this.#clock.setTimer(delayMs, () => {
      this.close();
      attempt(true);
    });
  }

  /** There may be something to include. */
  wake(): void {
    if (this.#attempt?.(false) === true) this.close();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#attempt = undefined;
  }
}
