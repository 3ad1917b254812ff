import { hashFromBytes, ZERO_HASH, type Hash } from "../crypto/hash.ts";
import * as merkle from "../crypto/merkle.ts";
import * as ClusterConfig from "./ClusterConfig.ts";
import * as Header from "./Header.ts";
import { EMPTY_NAMESPACES } from "./NamespaceTable.ts";
import { CommitteeId, Epoch, FIRST_EPOCH, GENESIS_HEIGHT, NO_COMMITTEE, View } from "./scalars.ts";

/** Payload commitment of genesis: length 0 and no shards. */
export const EMPTY_PAYLOAD: Hash = hashFromBytes(merkle.sizedRoot(0n, merkle.EMPTY_ROOT));

/** The block at height 0: the handover of epoch 0 to committee 1. Its hash is the salt of every signature. */
export function header(config: ClusterConfig.ClusterConfig): Header.Header {
  return {
    height: GENESIS_HEIGHT,
    epoch: Epoch(0n),
    viewNumber: View(0n),
    committee: NO_COMMITTEE,
    timestamp: BigInt(config.genesisTimeMs),
    parent: ClusterConfig.hash(config),
    history: hashFromBytes(merkle.EMPTY_ROOT),
    payload: EMPTY_PAYLOAD,
    namespaces: EMPTY_NAMESPACES,
    l1Number: 0n,
    l1Hash: ZERO_HASH,
    nextCommittee: CommitteeId(FIRST_EPOCH),
    proposer: 0,
  };
}

export function hash(config: ClusterConfig.ClusterConfig): Hash {
  return Header.hash(header(config));
}
