// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

using FaultHistoryLib for FaultHistory global;

/// @notice Which part of the stake faulted when: a sum over time.
/// @param time When it last grew, seconds; zero before the first fault.
/// @param sum All fractions up to then, 1e18 = all of the stake.
/// @param count How many earlier pairs of time and sum are in `past`.
/// @param past Those, in order of time, two to a word, the first one below: `time << 88 | sum`.
struct FaultHistory {
    uint40 time;
    uint88 sum;
    uint64 count;
    mapping(uint256 word => uint256) past;
}

/// @title FaultHistoryLib
/// @notice Checkpoints, as OpenZeppelin has them, in half the slots: the newest pair stands with the count, older ones
/// two to a slot. Faults of one second share a pair, so that slashing many signers at once writes one slot for all.
library FaultHistoryLib {
    using SafeCast for uint256;

    uint256 private constant PAIR_BITS = 128;
    uint256 private constant SUM_BITS = 88;

    /// @notice Adds a fraction now.
    /// @return grown The sum of all.
    function add(FaultHistory storage self, uint256 fraction) internal returns (uint88 grown) {
        (uint256 time, uint256 sum, uint64 count) = (self.time, self.sum, self.count);
        grown = (sum + fraction).toUint88();
        if (time != block.timestamp && time != 0) {
            self.past[count / 2] |= ((time << SUM_BITS) | sum) << (PAIR_BITS * (count % 2));
            ++count;
        }
        (self.time, self.sum, self.count) = (uint40(block.timestamp), grown, count);
    }

    /// @notice Sum of all fractions up to and including a time.
    function upTo(FaultHistory storage self, uint256 time) internal view returns (uint256) {
        if (time >= self.time) return self.sum;
        // The pairs before `from` are not later than `time`; those from `to` on are.
        (uint256 from, uint256 to) = (0, self.count);
        uint256 sum = 0;
        while (from < to) {
            uint256 middle = (from + to) / 2;
            uint256 pair = self.past[middle / 2] >> (PAIR_BITS * (middle % 2));
            if (uint40(pair >> SUM_BITS) > time) to = middle;
            else (from, sum) = (middle + 1, uint88(pair));
        }
        return sum;
    }
}
