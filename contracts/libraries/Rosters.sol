// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {BLS} from "./BLS.sol";
import {KeyPages} from "./KeyPages.sol";
import {Seats} from "./Seats.sol";

using Rosters for Roster global;

/// @notice The keys of a committee's members.
/// @param key Their sum.
/// @param references One for each member, (page index u8, slot u8), sixteen to a word, the first on top.
/// @param pages Nonces of the key pages, in order of their index, and room for more.
/// @param pageCount How many there are.
struct Roster {
    bytes32[8] key;
    uint256[7] references;
    uint256[] pages;
    uint256 pageCount;
}

/// @title Rosters
/// @notice Writes committee code, whose form `CommitteeCode` describes. A roster is made from the one before by adding
/// the keys that came and the negated keys that went, so that its cost follows what changed.
/// @dev Unchecked arithmetic: every counter is bounded by the number of seats. Lists of sixteen to a word are filled and
/// emptied word by word, since each access to an array costs its bounds check.
library Rosters {
    using Memory for *;

    uint256 private constant HEADER_LENGTH = 10;
    uint256 private constant COORDINATE_LENGTH = 48;
    /// @dev Beyond this many pages a roster is not patched but rebuilt, without the pages that it no longer needs. With
    /// one more page for each seat, the index of a page still fits a byte.
    uint256 private constant PATCHED_PAGES_MAX = 32;

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
        for (uint256 i = 0; 16 * i < size; ++i) self.references[i] = uint256(code.load(offset + 32 * i));
        offset += 2 * size;
        self.pageCount = uint8(head >> 232);
        self.pages = new uint256[](self.pageCount + Seats.COUNT);
        for (uint256 i = 0; i < self.pageCount; ++i) self.pages[i] = uint24(bytes3(code.load(offset + 3 * i)));
    }

    /// @notice Whether pages may be added without removing any.
    function isPatchable(Roster memory self) internal pure returns (bool) {
        return self.pageCount <= PATCHED_PAGES_MAX;
    }

    /// @notice Puts another key in the place of a member's. `sum` must follow.
    /// @param place Where it stands: `page << 8 | slot`.
    /// @return isOther Whether it is another one.
    function put(Roster memory self, uint256 index, uint256 place) internal pure returns (bool isOther) {
        unchecked {
            uint256 shift = 16 * (15 - (index % 16));
            uint256 entry = (_indexOf(self, place >> 8) << 8) | uint8(place);
            uint256 word = self.references[index / 16];
            uint256 difference = uint16(word >> shift) ^ entry;
            if (difference == 0) return false;
            self.references[index / 16] = word ^ (difference << shift);
            return true;
        }
    }

    /// @notice Brings the sum of all keys up to date after some were put in the place of others.
    /// @param before The references as they were.
    /// @param members Whose keys are others: bit i is member i.
    /// @dev Pages hold keys negated. So the keys that went are added; and those that came are added to the negated sum.
    function sum(Roster memory self, bytes memory before, uint256 members) internal view {
        address[] memory accounts = new address[](self.pageCount);
        for (uint256 i = 0; i < accounts.length; ++i) accounts[i] = KeyPages.pageAt(address(this), self.pages[i]);
        BLS.g2AddFromCode(self.key, members, before, 0, accounts);
        BLS.g2Negate(self.key);
        BLS.g2AddFromCode(self.key, members, abi.encodePacked(self.references), 0, accounts);
        BLS.g2Negate(self.key);
    }

    /// @notice The next roster when the seats are others: walks those of the one before and the new ones side by side.
    /// @param was Bit s: seat s is in the roster before.
    /// @param seated Bit s: seat s is in the next one.
    /// @param changed Bit s: the key of seat s stands at `places[s]`: `page << 8 | slot`.
    function rebuild(
        Roster memory self,
        uint256 was,
        uint256 seated,
        uint256 changed,
        uint256[100] memory places
    ) internal view returns (Roster memory result) {
        result.key = self.key;
        result.pages = new uint256[](Seats.COUNT);
        uint256 index = 0; // Of members before.
        uint256 size = 0; // Of members so far.
        unchecked {
            for (uint256 seat = 0; (was | seated) >> seat != 0; ++seat) {
                uint256 place = (was >> seat) & 1 == 0 ? 0 : _placeAt(self, index++);
                uint256 next = place;
                if ((seated >> seat) & 1 == 0) next = 0;
                else if ((changed >> seat) & 1 != 0) next = places[seat];
                if (next != place) _replace(result.key, place, next);
                if (next != 0) _refer(result, size++, next);
            }
        }
    }

    /// @notice Committee code with its own roster.
    /// @param weights Two bytes a member.
    function encode(
        Roster memory self,
        uint256 totalWeight,
        bytes memory weights
    ) internal pure returns (bytes memory) {
        bytes memory pages;
        for (uint256 i = 0; i < self.pageCount; ++i) pages = abi.encodePacked(pages, uint24(self.pages[i]));
        return
            bytes.concat(
                encodeWeights(weights, totalWeight, self.pageCount, 0),
                BLS.pack(self.key),
                cut(self.references, weights.length / 2),
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
    function hasWeights(bytes memory code, bytes memory weights) internal pure returns (bool) {
        return keccak256(code.asSlice().slice(HEADER_LENGTH, weights.length).toBytes()) == keccak256(weights);
    }

    /// @notice The first `size` of values that stand sixteen to a word, as bytes.
    function cut(uint256[7] memory words, uint256 size) internal pure returns (bytes memory) {
        return KeyPages.cut(abi.encodePacked(words), 2 * size);
    }

    function _placeAt(Roster memory self, uint256 index) private pure returns (uint256) {
        uint256 entry = uint16(self.references[index / 16] >> (16 * (15 - (index % 16))));
        return (self.pages[entry >> 8] << 8) | uint8(entry);
    }

    function _refer(Roster memory self, uint256 index, uint256 place) private pure {
        uint256 shift = 16 * (15 - (index % 16));
        uint256 entry = (_indexOf(self, place >> 8) << 8) | uint8(place);
        uint256 others = self.references[index / 16] & ~(uint256(type(uint16).max) << shift);
        self.references[index / 16] = others | (entry << shift);
    }

    /// @dev Subtracts the key that went and adds the one that came; place zero is no key.
    function _replace(bytes32[8] memory key, uint256 went, uint256 came) private view {
        bytes32[8] memory point;
        if (went != 0) {
            KeyPages.load(KeyPages.pageAt(address(this), went >> 8), uint8(went), point);
            BLS.g2Add(key, point);
        }
        if (came != 0) {
            KeyPages.load(KeyPages.pageAt(address(this), came >> 8), uint8(came), point);
            BLS.g2Negate(point);
            BLS.g2Add(key, point);
        }
    }

    /// @dev The index of a page, which is added when it is new. Looks at the newest pages first.
    function _indexOf(Roster memory self, uint256 nonce) private pure returns (uint256) {
        uint256[] memory pages = self.pages;
        uint256 count = self.pageCount;
        unchecked {
            for (uint256 index = count; index != 0; --index) {
                if (pages[index - 1] == nonce) return index - 1;
            }
            pages[count] = nonce;
            self.pageCount = count + 1;
        }
        return count;
    }
}
