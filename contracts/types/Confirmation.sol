// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Checkpoint} from "./Checkpoint.sol";
import {Header} from "./Header.sol";
import {NamespaceEntry} from "./NamespaceEntry.sol";

/// @notice That a block is final: it is a checkpoint of the light client, or in a checkpoint's history.
/// @param header Header of the block.
/// @param checkpoint The checkpoint, opened.
/// @param position Where the light client has it: in the ring, or `LATEST_POSITION`.
/// @param history Inclusion proof of the block's hash in the checkpoint's history; empty if the block is the checkpoint.
struct BlockProof {
    Header header;
    Checkpoint checkpoint;
    uint256 position;
    bytes32[] history;
}

/// @notice That a block has an entry.
/// @param entry The entry.
/// @param index Its place among the block's entries.
/// @param size Number of entries of the block.
/// @param proof Inclusion proof of the entry.
struct NamespaceProof {
    NamespaceEntry entry;
    uint64 index;
    uint64 size;
    bytes32[] proof;
}

/// @notice That a block has no entry of a namespace: its entries are sorted, and the two between which the namespace
/// would stand are neighbours.
/// @param namespace The absent namespace.
/// @param size Number of entries of the block. If it is zero, nothing else is looked at.
/// @param next Index of the first entry above `namespace`; `size` if there is none.
/// @param before Entry `next - 1`; not looked at if `next` is zero.
/// @param beforeProof Its inclusion proof.
/// @param after_ Entry `next`; not looked at if `next` is `size`.
/// @param afterProof Its inclusion proof.
struct AbsenceProof {
    uint64 namespace;
    uint64 size;
    uint64 next;
    NamespaceEntry before;
    bytes32[] beforeProof;
    NamespaceEntry after_;
    bytes32[] afterProof;
}

/// @notice That a namespace's share of a block has a transaction.
/// @param envelope Envelope bytes.
/// @param index Its place in the namespace.
/// @param proof Inclusion proof under the entry's `txRoot`.
struct TransactionProof {
    bytes envelope;
    uint64 index;
    bytes32[] proof;
}

/// @notice One part of a bundle, proven.
struct BundlePart {
    NamespaceProof namespace;
    TransactionProof transaction;
}
