import { equalBytes } from "../codec/hex.ts";
import { shardLayout, type ShardLayout } from "../dispersal/shardLayout.ts";
import { peerIdFromKey, type PeerId } from "../network/transport.ts";
import * as ClusterConfig from "../protocol/ClusterConfig.ts";
import type { Committee } from "../protocol/Committee.ts";
import type { Epoch } from "../protocol/scalars.ts";

/** The committee of one epoch as this node meets it: who sits where, who they are on the network, who we are. */
export interface Membership {
  readonly epoch: Epoch;
  readonly committee: Committee;
  /** Own committee index; undefined for an observer. */
  readonly seat: number | undefined;
  readonly layout: ShardLayout;
  /** By committee index. Nobody proves a transport key on L1, so two seats may name the same one. */
  readonly peers: readonly PeerId[];
  readonly known: ReadonlySet<PeerId>;
}

/** `ownKey` is the BLS public key of the signer, undefined without one. */
export function membership(
  epoch: Epoch,
  committee: Committee,
  config: ClusterConfig.ClusterConfig,
  ownKey: Uint8Array | undefined,
): Membership {
  const found = ownKey === undefined ? -1 : committee.members.findIndex((member) => equalBytes(member.key, ownKey));
  const peers = committee.members.map((member) => peerIdFromKey(member.transportKey));
  const weights = committee.members.map((member) => member.weight);
  return {
    epoch,
    committee,
    seat: found === -1 ? undefined : found,
    layout: shardLayout(weights, ClusterConfig.shardCount(config, weights.length)),
    peers,
    known: new Set(peers),
  };
}
