// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using CheckpointLib for Checkpoint global;

/// @notice A finalized block as the light client remembers it. Only the hash of this struct is stored; whoever proves
/// something against a checkpoint supplies the members. `history` is the block's own, so that the proof of an older
/// block needs no second header in calldata.
/// @param blockHash Block hash.
/// @param history Merkle root over the block hashes of heights 0 to `height - 1`.
/// @param height Height of the block, and size of the tree under `history`.
/// @param epoch Epoch of the block.
/// @param viewNumber View in which the block was finalized (at or after the header's own for a handover).
/// @param timestamp Header time, milliseconds since 1970.
/// @param receivedAt L1 time at which the light client took it, seconds since 1970.
struct Checkpoint {
    bytes32 blockHash;
    bytes32 history;
    uint64 height;
    uint64 epoch;
    uint64 viewNumber;
    uint64 timestamp;
    uint64 receivedAt;
}

library CheckpointLib {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Checkpoint(bytes32 block,bytes32 history,uint64 height,uint64 epoch,uint64 viewNumber,uint64 timestamp,uint64 receivedAt)"
    );

    /// @notice What the light client stores.
    function hash(Checkpoint memory self) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, self));
    }
}
