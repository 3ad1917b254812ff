// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using Seats for SeatMap global;

/// @notice The seats, four to a storage slot. Seat s stands at bits 64·(s mod 4) of word s / 4, as `id << 40 | units`; zero is
/// a free seat.
struct SeatMap {
    uint256[25] words;
}

/// @title Seats
/// @notice Who sits where, with how much stake. Stake is counted in units of a fixed token amount, so that 40 bits hold
/// it and `rotate()` reads all seats from 25 slots.
library Seats {
    /// @notice Number of seats: MAX_COMMITTEE.
    uint256 internal constant COUNT = 100;
    uint256 internal constant UNITS_MAX = type(uint40).max;
    uint256 internal constant ID_MAX = type(uint24).max;

    uint256 private constant WORDS = 25;
    uint256 private constant PER_WORD = 4;
    uint256 private constant BITS = 64;
    uint256 private constant ID_SHIFT = 40;

    /// @notice Units that an amount of stake counts for: rounded down, and no more than 40 bits hold.
    function toUnits(uint256 amount, uint256 unit) internal pure returns (uint256 units) {
        units = amount / unit;
        if (units > UNITS_MAX) units = UNITS_MAX;
    }

    function pack(uint256 id, uint256 units) internal pure returns (uint256) {
        return (id << ID_SHIFT) | units;
    }

    function idOf(uint256 seat) internal pure returns (uint32) {
        return uint32(seat >> ID_SHIFT);
    }

    function unitsOf(uint256 seat) internal pure returns (uint256) {
        return seat & UNITS_MAX;
    }

    function get(SeatMap storage self, uint256 number) internal view returns (uint256) {
        return uint64(self.words[number / PER_WORD] >> (BITS * (number % PER_WORD)));
    }

    function set(SeatMap storage self, uint256 number, uint256 seat) internal {
        uint256 shift = BITS * (number % PER_WORD);
        uint256 word = self.words[number / PER_WORD];
        self.words[number / PER_WORD] = (word & ~(uint256(type(uint64).max) << shift)) | (seat << shift);
    }

    /// @notice All seats, in 25 reads.
    function load(SeatMap storage self) internal view returns (uint256[] memory seats) {
        seats = new uint256[](COUNT);
        for (uint256 i = 0; i < WORDS; ++i) {
            uint256 word = self.words[i];
            for (uint256 j = 0; j < PER_WORD; ++j) {
                seats[PER_WORD * i + j] = uint64(word);
                word >>= BITS;
            }
        }
    }

    /// @notice The lowest free seat, or COUNT; and the number of taken ones.
    function firstFree(uint256[] memory seats) internal pure returns (uint256 free, uint256 taken) {
        free = COUNT;
        for (uint256 i = 0; i < COUNT; ++i) {
            if (seats[i] != 0) ++taken;
            else if (free == COUNT) free = i;
        }
    }

    /// @notice The taken seat with the least stake, among equals the highest number; COUNT if all are free.
    function lowest(uint256[] memory seats) internal pure returns (uint256 number) {
        number = COUNT;
        uint256 least = type(uint256).max;
        for (uint256 i = 0; i < COUNT; ++i) {
            if (seats[i] == 0 || unitsOf(seats[i]) > least) continue;
            least = unitsOf(seats[i]);
            number = i;
        }
    }
}
