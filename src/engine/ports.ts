import type * as ClusterConfig from "../protocol/ClusterConfig.ts";
import type * as Domain from "../protocol/Domain.ts";
import type { Tuning } from "../consensus/context.ts";
import type { Output } from "../consensus/output.ts";
import type { Limits } from "../mempool/mempool.ts";
import type { Peer, Transport } from "../network/transport.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Random } from "../runtime/random.ts";
import type { Signer } from "../signer/signer.ts";
import type { Store } from "../storage/store.ts";
import type { WriteAheadLog } from "../storage/writeAheadLog.ts";
import type { BlsPort } from "./blsPort.ts";
import type { L1View } from "./l1View.ts";

/** What the engine needs of a write-ahead log. */
export type Journal = Pick<WriteAheadLog, "append" | "sync" | "replay" | "truncateBelow" | "nextIndex">;

/** Everything that differs between production and simulation. The engine owns none of them: whoever made one closes it. */
export interface EnginePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly transport: Transport;
  readonly store: Store;
  readonly journal: Journal;
  readonly l1: L1View;
  readonly bls: BlsPort;
  /** Absent on a follower: it verifies, stores and serves everything, and signs nothing. */
  readonly signer?: Pick<Signer, "publicKey" | "sign" | "confirmEpoch" | "observe" | "resumed">;
  /** Called once when the engine found a fault of its own (disk gone, assertion) and stopped. */
  readonly onFatal?: (error: Error) => void;
  /** Sees every output before it is performed, for metrics. */
  readonly observer?: EngineObserver;
}

/** `seat` is the own committee index, undefined on a follower. Must not throw. */
export type EngineObserver = (output: Output, seat: number | undefined) => void;

export interface EngineOptions {
  readonly config: ClusterConfig.ClusterConfig;
  /** Salted with the genesis hash (`Genesis.hash(config)`). */
  readonly domain: Domain.Domain;
  /** Peers to stay connected to beside the committees: seeds, own followers. */
  readonly seeds?: readonly Peer[];
  /** Heights whose payload is kept; undefined keeps all (archive). Headers and certificates are never pruned. */
  readonly payloadRetentionHeights?: bigint;
  readonly mempool?: Limits;
  readonly tuning?: Tuning;
}
