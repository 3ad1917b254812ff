// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using CommitteeLib for CommitteeRecord global;

/// @notice What the stake table stores of a committee: one slot.
/// @param code Account whose code describes the committee (see `libraries/CommitteeCode.sol`).
/// @param createdAt L1 time of the `rotate()` that made it, seconds. Trust counts from here.
/// @param createdBlock L1 block number of that `rotate()`. Anchors are compared with it.
/// @param nonce The stake table's nonce when it created `code`, from which the address follows.
struct CommitteeRecord {
    address code;
    uint40 createdAt;
    uint32 createdBlock;
    uint24 nonce;
}

library CommitteeLib {
    function exists(CommitteeRecord memory self) internal pure returns (bool) {
        return self.code != address(0);
    }

    /// @notice q = floor(2W/3) + 1: two sets of this weight share more than a third of the total.
    function quorum(uint256 totalWeight) internal pure returns (uint256) {
        return (2 * totalWeight) / 3 + 1;
    }
}
