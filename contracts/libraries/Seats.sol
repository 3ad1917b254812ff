// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using Seats for SeatMap global;

/// @notice The seats. Stakes stand eight to a slot, so that `rotate()` reads all of them in thirteen; who sits where stands
/// apart, four to a slot, and is read for seats that changed.
/// @param stakes Seat s at bits 32·(s mod 8) of word s / 8: stake in units plus one, below 2^31;
/// zero is a free seat, and only that makes it free.
/// @param occupants Seat s at bits 64·(s mod 4) of word s / 4: `queued << 63 | id << 32 | place`: place
/// is `page << 8 | slot` of the current key, and queued says that another one becomes current at the next rotation. Who
/// sat on a free seat stays written until it is taken.
struct SeatMap {
    uint256[13] stakes;
    uint256[25] occupants;
}

/// @title Seats
/// @notice Who sits where, with how much stake, in units of a fixed token amount.
library Seats {
    /// @notice Number of seats: MAX_COMMITTEE.
    uint256 internal constant COUNT = 100;
    uint256 internal constant UNITS_MAX = (1 << 31) - 2;
    uint256 internal constant ID_MAX = type(uint32).max >> 1;

    uint256 internal constant WORDS = 13;
    uint256 internal constant PER_WORD = 8;
    uint256 internal constant BITS = 32;
    uint256 private constant MAX = type(uint256).max;
    /// @dev One, and 2^31, in each of the eight lanes of a word of stakes.
    uint256 private constant LANES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant TOPS = LANES << 31;
    uint256 private constant EVEN_LANES = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    /// @dev The sum of 2^(224 - 31j): moves bit 32j to bit 224 + j, for j in 0 .. 7. Of what else the product has, nothing
    /// falls on or carries into bits 224 to 231.
    uint256 private constant GATHER = 0x0000000100000002000000040000000800000010000000200000004000000080;

    uint256 private constant OCCUPANTS_PER_WORD = 4;
    uint256 private constant OCCUPANT_BITS = 64;
    uint256 private constant ID_SHIFT = 32;
    uint256 private constant QUEUED = 1 << 63;

    /// @notice Units that an amount of stake counts for: rounded down, and no more than a seat can hold.
    function toUnits(uint256 amount, uint256 unit) internal pure returns (uint256 units) {
        units = amount / unit;
        if (units > UNITS_MAX) units = UNITS_MAX;
    }

    /// @notice Stake of a seat plus one; zero when it is free.
    function stakeOf(SeatMap storage self, uint256 number) internal view returns (uint256) {
        return uint32(self.stakes[number / PER_WORD] >> (BITS * (number % PER_WORD)));
    }

    function occupantOf(
        SeatMap storage self,
        uint256 number
    ) internal view returns (uint32 id, uint256 place, bool isQueued) {
        uint256 word = self.occupants[number / OCCUPANTS_PER_WORD] >> (OCCUPANT_BITS * (number % OCCUPANTS_PER_WORD));
        return (uint32((word & ~QUEUED) >> ID_SHIFT), uint32(word), word & QUEUED != 0);
    }

    /// @notice Writes the stake of a seat, which thereby is taken.
    function setUnits(SeatMap storage self, uint256 number, uint256 units) internal {
        _setStake(self, number, units + 1);
    }

    /// @notice Writes the validator of a seat and where its key stands.
    function seat(SeatMap storage self, uint256 number, uint256 id, uint256 place) internal {
        uint256 shift = OCCUPANT_BITS * (number % OCCUPANTS_PER_WORD);
        uint256 word = self.occupants[number / OCCUPANTS_PER_WORD] & ~(uint256(type(uint64).max) << shift);
        self.occupants[number / OCCUPANTS_PER_WORD] = word | (((id << ID_SHIFT) | place) << shift);
    }

    /// @notice Notes that the validator of a seat queued a key.
    function queueKey(SeatMap storage self, uint256 number) internal {
        self.occupants[number / OCCUPANTS_PER_WORD] |= QUEUED << (OCCUPANT_BITS * (number % OCCUPANTS_PER_WORD));
    }

    /// @notice Frees a seat.
    function free(SeatMap storage self, uint256 number) internal {
        _setStake(self, number, 0);
    }

    /// @notice How many seats are taken, the largest stake, and whether a taken seat has less than `minUnits`.
    /// @dev Works on the eight lanes of a word at once. Values are below 2^31, so the top bit of a lane is free to tell the
    /// outcome of a comparison: in (a | top) - b it stands iff a >= b, and in a + (top - 1) iff a is not zero.
    function extremes(
        uint256[13] memory stakes,
        uint256 minUnits
    ) internal pure returns (uint256 taken, uint256 largest, bool isBelow) {
        unchecked {
            uint256 minimums = (minUnits + 1) * LANES;
            uint256 maxima = 0;
            uint256 below = 0;
            for (uint256 i = 0; i < WORDS; ++i) {
                uint256 word = stakes[i];
                uint256 isTaken = (word + TOPS - LANES) & TOPS;
                below |= isTaken & ~((word | TOPS) - minimums);
                taken += ((isTaken >> 31) * LANES) >> 224; // The product's top lane is the sum of all lanes.
                uint256 isLarger = ((word | TOPS) - maxima) & TOPS;
                uint256 mask = isLarger - (isLarger >> 31);
                maxima = (word & mask) | (maxima & ~mask);
            }
            for (; maxima != 0; maxima >>= BITS) {
                if (uint32(maxima) > largest) largest = uint32(maxima);
            }
            if (largest != 0) --largest;
            isBelow = below != 0;
        }
    }

    /// @notice The stake of all seats, of which `taken` are, and the set of those: bit s is seat s.
    /// @dev As above. A sum of 100 stakes fits 64 bits, so words are added as four lanes of that width.
    function sum(uint256[13] memory stakes, uint256 taken) internal pure returns (uint256 units, uint256 seated) {
        unchecked {
            uint256 sums = 0;
            for (uint256 i = 0; i < WORDS; ++i) {
                uint256 word = stakes[i];
                sums += (word & EVEN_LANES) + ((word >> BITS) & EVEN_LANES);
                uint256 isTaken = ((word + TOPS - LANES) & TOPS) >> 31;
                seated |= ((isTaken * GATHER) >> 224) << (i * PER_WORD);
            }
            units = uint64(sums) + uint64(sums >> 64) + uint64(sums >> 128) + (sums >> 192) - taken;
        }
    }

    /// @notice The set of one seat.
    function bit(uint256 number) internal pure returns (uint104) {
        return uint104(1 << number);
    }

    /// @notice How many seats a set has.
    function count(uint256 set) internal pure returns (uint256) {
        // Sums bits in pairs, in fours, in eights; the product's top byte is the sum of all bytes, at most 128.
        unchecked {
            set -= (set >> 1) & (MAX / 3);
            set = (set & (MAX / 5)) + ((set >> 2) & (MAX / 5));
            set = (set + (set >> 4)) & (MAX / 17);
            return (set * (MAX / 255)) >> 248;
        }
    }

    /// @notice The lowest seat of a set that is not empty.
    function first(uint256 set) internal pure returns (uint256) {
        unchecked {
            return count((set & (~set + 1)) - 1); // All seats below it.
        }
    }

    /// @notice The lowest free seat (COUNT if none), how many are taken, and the taken seat with the least stake (among
    /// equals the highest number) with that stake.
    function survey(
        SeatMap storage self
    ) internal view returns (uint256 firstFree, uint256 taken, uint256 lowest, uint256 least) {
        firstFree = COUNT;
        least = type(uint256).max;
        uint256[13] memory words = self.stakes;
        for (uint256 i = 0; i < COUNT; ++i) {
            uint256 stake = uint32(words[i / PER_WORD] >> (BITS * (i % PER_WORD)));
            if (stake == 0) {
                if (firstFree == COUNT) firstFree = i;
                continue;
            }
            ++taken;
            if (stake <= least) (lowest, least) = (i, stake);
        }
        least = taken == 0 ? 0 : least - 1;
    }

    function _setStake(SeatMap storage self, uint256 number, uint256 stake) private {
        uint256 shift = BITS * (number % PER_WORD);
        uint256 word = self.stakes[number / PER_WORD] & ~(uint256(type(uint32).max) << shift);
        self.stakes[number / PER_WORD] = word | (stake << shift);
    }
}
