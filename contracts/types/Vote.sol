// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using VoteLib for Notarize global;
using VoteLib for Nullify global;
using VoteLib for Finalize global;

/// @notice "I saw this proposal, the first of its view's leader, and would extend its chain."
struct Notarize {
    uint64 epoch;
    uint64 viewNumber;
    bytes32 blockHash;
}

/// @notice "This view may pass without a block."
struct Nullify {
    uint64 epoch;
    uint64 viewNumber;
}

/// @notice "I hold the whole payload of this notarized block and never nullified its view."
struct Finalize {
    uint64 epoch;
    uint64 viewNumber;
    bytes32 blockHash;
}

library VoteLib {
    bytes32 internal constant NOTARIZE_TYPE_HASH = keccak256("Notarize(uint64 epoch,uint64 viewNumber,bytes32 block)");
    bytes32 internal constant NULLIFY_TYPE_HASH = keccak256("Nullify(uint64 epoch,uint64 viewNumber)");
    bytes32 internal constant FINALIZE_TYPE_HASH = keccak256("Finalize(uint64 epoch,uint64 viewNumber,bytes32 block)");

    function hash(Notarize memory self) internal pure returns (bytes32) {
        return hashNotarize(self.epoch, self.viewNumber, self.blockHash);
    }

    function hash(Nullify memory self) internal pure returns (bytes32) {
        return hashNullify(self.epoch, self.viewNumber);
    }

    function hash(Finalize memory self) internal pure returns (bytes32) {
        return hashFinalize(self.epoch, self.viewNumber, self.blockHash);
    }

    /* HASHES OF VOTES THAT NEED NOT BE IN MEMORY */

    function hashNotarize(uint64 epoch, uint64 viewNumber, bytes32 blockHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(NOTARIZE_TYPE_HASH, epoch, viewNumber, blockHash));
    }

    function hashNullify(uint64 epoch, uint64 viewNumber) internal pure returns (bytes32) {
        return keccak256(abi.encode(NULLIFY_TYPE_HASH, epoch, viewNumber));
    }

    function hashFinalize(uint64 epoch, uint64 viewNumber, bytes32 blockHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(FINALIZE_TYPE_HASH, epoch, viewNumber, blockHash));
    }
}
