// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using HeaderLib for Header global;

/// @notice Header of one block; its EIP-712 struct hash is the block hash.
/// @param height Number of the block; genesis is 0.
/// @param epoch Epoch of the block, from 1; genesis is epoch 0.
/// @param viewNumber View in which the block was first proposed.
/// @param committee Id of the committee of `epoch`.
/// @param timestamp Milliseconds since 1970, strictly increasing.
/// @param parent Block hash of `height - 1`.
/// @param history Merkle root over the block hashes of heights 0 to `height - 1`.
/// @param payload Size-bound commitment to the erasure-coded payload.
/// @param namespaces Size-bound Merkle root over the block's namespace entries.
/// @param l1Number Number of the L1-finalized block that anchors this one.
/// @param l1Hash Hash of that L1 block.
/// @param nextCommittee Committee of the next epoch; non-zero exactly in a handover, the last block of its epoch.
/// @param proposer Committee index of the proposer.
struct Header {
    uint64 height;
    uint64 epoch;
    uint64 viewNumber;
    uint64 committee;
    uint64 timestamp;
    bytes32 parent;
    bytes32 history;
    bytes32 payload;
    bytes32 namespaces;
    uint64 l1Number;
    bytes32 l1Hash;
    uint64 nextCommittee;
    uint16 proposer;
}

library HeaderLib {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Header(uint64 height,uint64 epoch,uint64 viewNumber,uint64 committee,uint64 timestamp,bytes32 parent,bytes32 history,bytes32 payload,bytes32 namespaces,uint64 l1Number,bytes32 l1Hash,uint64 nextCommittee,uint16 proposer)"
    );

    /// @notice The block hash.
    function hash(Header memory self) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, self));
    }
}
