// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using ResumeLib for Resume global;

/// @notice A newer committee takes over a client that is expired or frozen, and says where the chain goes on.
/// @param epoch Epoch that begins after `blockHash`.
/// @param blockHash Last block kept: the light client's checkpoint, or a block with it in its history.
/// @param committee Committee of `epoch`, which signs this itself.
struct Resume {
    uint64 epoch;
    bytes32 blockHash;
    uint64 committee;
}

library ResumeLib {
    bytes32 internal constant TYPE_HASH = keccak256("Resume(uint64 epoch,bytes32 block,uint64 committee)");

    function hash(Resume memory self) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, self.epoch, self.blockHash, self.committee));
    }
}
