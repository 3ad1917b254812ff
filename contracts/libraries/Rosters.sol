// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {BLS} from "./BLS.sol";
import {KeyPages} from "./KeyPages.sol";

using Rosters for Roster global;

/// @notice The keys of a committee's members.
/// @param key Their sum.
/// @param references One for each member, (page index u8, slot u8), sixteen to a word, the first on top.
/// @param pages Nonces of the key pages, in order of their index.
/// @param pageCount How many there are.
/// @param point A buffer for one key.
struct Roster {
    bytes32[8] key;
    uint256[] references;
    uint24[] pages;
    uint256 pageCount;
    bytes32[8] point;
}

/// @title Rosters
/// @notice Writes committee code, whose form `CommitteeCode` describes. A roster is made from the one before by adding
/// the keys that came and the negated keys that went, so that its cost follows what changed.
library Rosters {
    using Memory for *;

    uint256 private constant HEADER_LENGTH = 10;
    uint256 private constant KEY_LENGTH = 192;
    uint256 private constant COORDINATE_LENGTH = 48;
    uint256 private constant NONCE_LENGTH = 3;
    uint256 private constant BITS = 16;
    uint256 private constant PER_WORD = 16;

    /// @notice An empty roster with room for `size` members. The sum of no keys is the identity.
    function empty(uint256 size) internal pure returns (Roster memory self) {
        self.references = new uint256[]((size + PER_WORD - 1) / PER_WORD);
        self.pages = new uint24[](size);
    }

    /// @notice Reads the roster that committee code holds.
    function read(address account) internal view returns (Roster memory self) {
        Memory.Slice code = account.code.asSlice();
        uint256 head = uint256(code.load(0));
        uint256 size = uint8(head >> 240);
        uint256 offset = HEADER_LENGTH + 2 * size;
        for (uint256 i = 0; i < 4; ++i) {
            self.key[2 * i] = bytes32(uint256(uint128(bytes16(code.load(offset)))));
            self.key[2 * i + 1] = code.load(offset + 16);
            offset += COORDINATE_LENGTH;
        }
        self.references = new uint256[]((size + PER_WORD - 1) / PER_WORD);
        for (uint256 i = 0; i < self.references.length; ++i) {
            self.references[i] = uint256(code.load(offset + 32 * i));
        }
        offset += 2 * size;
        self.pageCount = uint8(head >> 232);
        self.pages = new uint24[](self.pageCount);
        for (uint256 i = 0; i < self.pageCount; ++i) {
            self.pages[i] = uint24(bytes3(code.load(offset + NONCE_LENGTH * i)));
        }
    }

    /// @notice The page and the slot of a member's key.
    function referenceAt(Roster memory self, uint256 index) internal pure returns (uint24 nonce, uint256 slot) {
        uint256 packed = self.references[index / PER_WORD] >> (BITS * (PER_WORD - 1 - (index % PER_WORD)));
        return (self.pages[uint8(packed >> 8)], uint8(packed));
    }

    /// @notice Gives a member its place: the key at `slot` of the page `nonce`.
    function refer(Roster memory self, uint256 index, uint24 nonce, uint256 slot) internal pure {
        uint256 page = 0;
        uint256 count = self.pageCount;
        uint24[] memory pages = self.pages;
        while (page < count && pages[page] != nonce) ++page;
        if (page == count) {
            pages[count] = nonce;
            self.pageCount = count + 1;
        }
        put(self.references, index, (page << 8) | slot);
    }

    /// @notice Adds the key of a member that came.
    function include(Roster memory self, uint24 nonce, uint256 slot) internal view {
        KeyPages.load(KeyPages.pageAt(address(this), nonce), slot, self.point);
        BLS.g2Negate(self.point);
        BLS.g2Add(self.key, self.point);
    }

    /// @notice Subtracts the key of a member that went.
    function exclude(Roster memory self, uint24 nonce, uint256 slot) internal view {
        KeyPages.load(KeyPages.pageAt(address(this), nonce), slot, self.point);
        BLS.g2Add(self.key, self.point);
    }

    /// @notice Puts 16 bits at an index of a list with sixteen to a word.
    function put(uint256[] memory list, uint256 index, uint256 value) internal pure {
        list[index / PER_WORD] |= value << (BITS * (PER_WORD - 1 - (index % PER_WORD)));
    }

    /// @notice Committee code with its own roster.
    /// @param weights Two bytes a member.
    function encode(
        Roster memory self,
        uint256 totalWeight,
        bytes memory weights
    ) internal pure returns (bytes memory) {
        bytes memory pages;
        for (uint256 i = 0; i < self.pageCount; ++i) pages = abi.encodePacked(pages, self.pages[i]);
        return
            bytes.concat(
                encodeWeights(weights, totalWeight, self.pageCount, 0),
                BLS.pack(self.key),
                KeyPages.cut(abi.encodePacked(self.references), weights.length),
                pages
            );
    }

    /// @notice Committee code that refers to the roster in the code with nonce `rosterNonce`.
    function encodeWeights(
        bytes memory weights,
        uint256 totalWeight,
        uint256 pageCount,
        uint24 rosterNonce
    ) internal pure returns (bytes memory) {
        uint8 size = uint8(weights.length / 2);
        return abi.encodePacked(uint8(0), size, uint8(pageCount), uint32(totalWeight), rosterNonce, weights);
    }

    /// @notice Whether committee code has these weights.
    function hasWeights(address account, bytes memory weights) internal view returns (bool) {
        Memory.Slice code = account.code.asSlice();
        return keccak256(code.slice(HEADER_LENGTH, weights.length).toBytes()) == keccak256(weights);
    }
}
