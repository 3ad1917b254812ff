// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {KeyPages} from "./KeyPages.sol";

using CommitteeCode for Committee global;

/// @notice A committee, read from its code.
/// @param stakeTable Account that wrote the code and the key pages.
/// @param size Number of members, n.
/// @param totalWeight W, the sum of all weights.
/// @param weights n weights, two bytes each.
/// @param roster Aggregate key, key references and page table.
struct Committee {
    address stakeTable;
    uint256 size;
    uint256 totalWeight;
    Memory.Slice weights;
    Memory.Slice roster;
}

/// @title CommitteeCode
/// @notice The form in which `StakeTable.rotate()` writes a committee as contract code and the light client reads it:
///
///     0x00 | n u8 | m u8 | W u32 | roster u24 | n x weight u16 | [ aggregate key | n x (page u8, slot u8) | m x nonce u24 ]
///
/// Integers are big-endian. Members are the seats with non-zero weight in order of seat number. The part in brackets is
/// the roster; it is left out when it is the same as that of an older code, which `roster` then names by the
/// nonce of its creation (zero otherwise). The aggregate key is not negated, 192 bytes (see `BLS.pack`). A member's key
/// stands at `slot` of the key page that was created with the nonce at index `page` of the page table.
/// @dev Every byte costs 200 gas at rotation (and about eight times as much under EIP-8037), so nothing stands here
/// that can be found elsewhere: a member's validator id is in the key page, randomness is in the event.
library CommitteeCode {
    using Memory for *;

    uint256 internal constant HEADER_SIZE = 10;
    uint256 internal constant WEIGHT_SIZE = 2;
    uint256 internal constant KEY_SIZE = 192;
    uint256 internal constant REFERENCE_SIZE = 2;
    uint256 internal constant NONCE_SIZE = 3;

    /// @notice Reads a committee whose code the stake table wrote.
    /// @dev No check of the code's form: `rotate()` alone can have written it.
    function load(address stakeTable, address code) internal view returns (Committee memory self) {
        Memory.Slice whole = code.code.asSlice();
        uint256 head = uint256(whole.load(0));
        uint256 size = uint8(head >> 240);
        uint256 rosterStart = HEADER_SIZE + WEIGHT_SIZE * size;
        uint24 rosterNonce = uint24(head >> 176);

        self.stakeTable = stakeTable;
        self.size = size;
        self.totalWeight = uint32(head >> 200);
        self.weights = whole.slice(HEADER_SIZE);
        self.roster =
            rosterNonce == 0
                ? whole.slice(rosterStart)
                : KeyPages.pageAt(stakeTable, rosterNonce).code.asSlice().slice(rosterStart);
    }

    /// @notice Weight of a member, 1 to 65,535.
    function weight(Committee memory self, uint256 index) internal pure returns (uint256) {
        return uint16(bytes2(self.weights.load(WEIGHT_SIZE * index)));
    }

    /// @notice The key page and the slot in it that hold a member's key.
    function keyReference(Committee memory self, uint256 index) internal pure returns (uint24 nonce, uint256 slot) {
        uint16 position = uint16(bytes2(self.roster.load(KEY_SIZE + REFERENCE_SIZE * index)));
        slot = position & 0xff;
        uint256 offset = KEY_SIZE + REFERENCE_SIZE * self.size + NONCE_SIZE * (position >> 8);
        nonce = uint24(bytes3(self.roster.load(offset)));
    }

    /// @notice Sum of all members' keys, as EIP-2537 encodes a point of G2.
    function aggregateKey(Committee memory self) internal pure returns (bytes32[8] memory key) {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 offset = 48 * i;
            key[2 * i] = bytes32(uint256(uint128(bytes16(self.roster.load(offset)))));
            key[2 * i + 1] = self.roster.load(offset + 16);
        }
    }
}
