// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BLS} from "./BLS.sol";
import {KeyPages} from "./KeyPages.sol";

using CommitteeCode for Committee global;

/// @notice A committee, read from its code.
/// @param stakeTable Account that wrote the code and the key pages.
/// @param size Number of members, n.
/// @param totalWeight W, the sum of all weights.
/// @param pageCount Number of key pages that hold the members' keys, m.
/// @param code The code, for the weights.
/// @param roster The code that has the roster.
struct Committee {
    address stakeTable;
    uint256 size;
    uint256 totalWeight;
    uint256 pageCount;
    bytes code;
    bytes roster;
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
    uint256 internal constant HEADER_SIZE = 10;
    uint256 internal constant WEIGHT_SIZE = 2;
    uint256 internal constant KEY_SIZE = 192;
    uint256 internal constant REFERENCE_SIZE = 2;
    uint256 internal constant NONCE_SIZE = 3;

    /// @dev One in each of sixteen lanes of 16 bits.
    uint256 private constant EVERY_LANE = 0x0001000100010001000100010001000100010001000100010001000100010001;
    /// @dev In each lane the bit that has the lane's number, counted from the top.
    uint256 private constant LANE_OF_BIT = 0x0001000200040008001000200040008001000200040008001000200040008000;
    uint256 private constant EVERY_SECOND_LANE = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;

    /// @notice Reads a committee whose code the stake table wrote.
    /// @param nonce The stake table's nonce when it created the code.
    /// @dev No check of the code's form: `rotate()` alone can have written it.
    function load(address stakeTable, uint24 nonce) internal view returns (Committee memory self) {
        self.stakeTable = stakeTable;
        self.code = KeyPages.pageAt(stakeTable, nonce).code;
        uint256 head = _word(self.code, 0);
        self.size = uint8(head >> 240);
        self.pageCount = uint8(head >> 232);
        self.totalWeight = uint32(head >> 200);
        uint24 rosterNonce = uint24(head >> 176);
        self.roster = rosterNonce == 0 ? self.code : KeyPages.pageAt(stakeTable, rosterNonce).code;
    }

    /// @notice Weight of a member, 1 to 65,535.
    /// @param index Committee index, below the size.
    function weight(Committee memory self, uint256 index) internal pure returns (uint256) {
        // No overflow: an index is below 256.
        unchecked {
            return _word(self.code, HEADER_SIZE + WEIGHT_SIZE * index) >> 240;
        }
    }

    /// @notice Sum of the weights of a set of members.
    /// @dev Sixteen at a time: a word of the code has sixteen weights, the first one on top. The sixteen bits that choose
    /// among them are spread to one lane each, made a mask of whole lanes, and what it leaves is added in lanes of 32 bits.
    /// @param members Bit i is member i; no bit reaches the size.
    function weightOf(Committee memory self, uint256 members) internal pure returns (uint256) {
        uint256 lanes;
        // No overflow: a lane of 32 bits adds up two weights a word, and their total is below 2^32 - 1.
        unchecked {
            for (uint256 offset = HEADER_SIZE; members != 0; offset += 32) {
                uint256 chosen = ((members & 0xffff) * EVERY_LANE) & LANE_OF_BIT;
                uint256 mask = (((chosen + 0x7fff * EVERY_LANE) >> 15) & EVERY_LANE) * 0xffff;
                uint256 weights = _word(self.code, offset) & mask;
                lanes += (weights & EVERY_SECOND_LANE) + ((weights >> 16) & EVERY_SECOND_LANE);
                members >>= 16;
            }
        }
        return lanes % 0xffffffff;
    }

    /// @notice Sum of the keys of all members but a set of them, as EIP-2537 encodes a point of G2.
    /// @param members Who is left out: bit i is member i, and no bit reaches the size.
    function keyWithout(Committee memory self, uint256 members) internal view returns (bytes32[8] memory key) {
        uint256 start = _rosterStart(self);
        key = BLS.unpackAt(self.roster, start);
        if (members == 0) return key;
        address[] memory pages = new address[](self.pageCount);
        for (uint256 i = 0; i < pages.length; ++i) pages[i] = KeyPages.pageAt(self.stakeTable, _nonce(self, i));
        BLS.g2AddFromCode(key, members, self.roster, start + KEY_SIZE, pages);
    }

    /// @notice Reads a member's key, negated, into a point of G2 as EIP-2537 encodes it.
    /// @return validator The member's id.
    function loadKey(
        Committee memory self,
        uint256 index,
        bytes32[8] memory into
    ) internal view returns (uint32 validator) {
        uint256 position = _word(self.roster, _rosterStart(self) + KEY_SIZE + REFERENCE_SIZE * index) >> 240;
        address page = KeyPages.pageAt(self.stakeTable, _nonce(self, position >> 8));
        return KeyPages.load(page, position & 0xff, into);
    }

    function _rosterStart(Committee memory self) private pure returns (uint256) {
        unchecked {
            return HEADER_SIZE + WEIGHT_SIZE * self.size;
        }
    }

    function _nonce(Committee memory self, uint256 page) private pure returns (uint24) {
        unchecked {
            uint256 table = _rosterStart(self) + KEY_SIZE + REFERENCE_SIZE * self.size;
            return uint24(_word(self.roster, table + NONCE_SIZE * page) >> 232);
        }
    }

    /// @dev The 32 bytes at an offset, which the stake table's own writing keeps inside the code.
    function _word(bytes memory code, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(code, 0x20), offset))
        }
    }
}
