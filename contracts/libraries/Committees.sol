// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeTable} from "../interfaces/IStakeTable.sol";
import {CommitteeRecord} from "../types/Committee.sol";
import {KeyPages} from "./KeyPages.sol";
import {Keys} from "./Keys.sol";
import {ParameterBounds} from "./ParameterBounds.sol";
import {Roster, Rosters} from "./Rosters.sol";
import {Seats} from "./Seats.sol";
import {Head, RosterState, StakeState, ValidatorState} from "./StakeState.sol";

/// @title Committees
/// @notice Seats, and the committees that `rotate()` makes of them. Linked to the stake table, whose storage it works with.
library Committees {
    using Keys for StakeState;

    /// @notice A committee in the making.
    /// @param size Number of members.
    /// @param units Their stake.
    /// @param seated Bit s: seat s is a member's.
    /// @param weights Sixteen to a word, the first on top.
    struct Draft {
        uint256 size;
        uint256 units;
        uint256 totalWeight;
        uint256 seated;
        uint256[7] weights;
    }

    uint256 private constant WEIGHT_MAX = type(uint16).max;
    uint256 private constant RECORD_BITS = 96;
    uint256 private constant RECORDS_PER_WORD = 2;

    /* SEATS */

    /// @notice Gives a validator a free seat, or the lowest one if its stake is greater.
    function take(StakeState storage self, uint32 id, uint256 units, uint256 unit) external returns (uint8 number) {
        ValidatorState storage validator = self.validators[id];
        if (validator.seat != 0) revert IStakeTable.StakeTableSeatHeld(id, validator.seat - 1);
        uint256 place = self.keys[validator.keyHash].place;
        if (place == 0) revert IStakeTable.StakeTableKeyNotSealed(validator.keyHash);
        uint256 minUnits = _minUnits(self, unit);
        if (units < minUnits) revert IStakeTable.StakeTableSeatStakeTooLow(units * unit, minUnits * unit);
        (uint256 free, uint256 taken, uint256 lowest, uint256 least) = self.seats.survey();
        if (taken >= self.parameters.seats) {
            if (units <= least) revert IStakeTable.StakeTableSeatStakeTooLow(units * unit, (least + 1) * unit);
            vacateSeat(self, lowest);
            free = lowest;
        }

        number = uint8(free);
        validator.seat = number + 1;
        self.seats.setUnits(number, units);
        self.seats.seat(number, id, place);
        self.roster.changed |= Seats.bit(number);

        emit IStakeTable.SeatTaken(number, id);
    }

    /// @notice Frees a validator's seat.
    function vacate(StakeState storage self, uint32 id) external {
        vacateSeat(self, self.validators[id].seat - 1);
    }

    /// @notice Frees a seat. A queued key has no rotation to wait for any more, so it becomes current.
    function vacateSeat(StakeState storage self, uint256 number) internal {
        (uint32 id, , bool isQueued) = self.seats.occupantOf(number);

        self.validators[id].seat = 0;
        self.seats.free(number);

        emit IStakeTable.SeatVacated(uint8(number), id);
        if (isQueued) self.advance(id);
    }

    /* COMMITTEES */

    /// @notice Makes the next committee.
    function rotate(StakeState storage self, uint256 unit) external returns (uint64 id) {
        Draft memory draft = _draft(self, unit);
        if (draft.size < ParameterBounds.SEATS_MIN) {
            revert IStakeTable.StakeTableSeatsTooFew(draft.size, ParameterBounds.SEATS_MIN);
        }
        uint256 stake = draft.units * unit;
        uint256 minStake = self.parameters.minCommitteeStake;
        if (stake < minStake) revert IStakeTable.StakeTableCommitteeStakeTooLow(stake, minStake);

        Head memory head = self.head;
        (uint24 nonce, bytes memory code) = _write(self, draft, head);
        id = ++head.committees;
        head.rotatedAt = uint40(block.timestamp);
        head.committeeUnits = uint48(draft.units);
        self.head = head;
        _record(self, id, nonce);

        emit IStakeTable.CommitteeCreated(id, nonce, bytes32(block.prevrandao), stake, code);
    }

    /// @notice The record of a committee; all zero when it does not exist.
    function recordOf(StakeState storage self, uint64 id) internal view returns (CommitteeRecord memory record) {
        uint256 packed = self.records[id / RECORDS_PER_WORD] >> (RECORD_BITS * (id % RECORDS_PER_WORD));
        if (uint24(packed) == 0) return record;
        record.code = KeyPages.pageAt(address(this), uint24(packed));
        record.createdAt = uint40(packed >> 24);
        record.createdBlock = uint32(packed >> 64);
        record.nonce = uint24(packed);
    }

    /// @dev The nonce of its code, time and block, in 96 bits, so that two records share a slot.
    function _record(StakeState storage self, uint256 id, uint256 nonce) private {
        uint256 packed = nonce | (block.timestamp << 24) | (block.number << 64);
        self.records[id / RECORDS_PER_WORD] |= packed << (RECORD_BITS * (id % RECORDS_PER_WORD));
    }

    /// @dev Drops what may not stay, and weighs the others.
    function _draft(StakeState storage self, uint256 unit) private returns (Draft memory draft) {
        uint256[13] memory stakes;
        uint256 largest;
        (stakes, draft.size, largest) = _admit(self, _minUnits(self, unit));
        (draft.units, draft.seated) = Seats.sum(stakes, draft.size);
        draft.totalWeight = _weigh(stakes, largest, draft.weights);
    }

    /// @dev Writes the weights of taken seats.
    function _weigh(
        uint256[13] memory stakes,
        uint256 largest,
        uint256[7] memory weights
    ) private pure returns (uint256 total) {
        // Unchecked: at most 100 seats of less than 2^31 units. A taken seat has at least one unit, and so has the largest.
        unchecked {
            uint256 size = 0;
            uint256 packed = 0;
            for (uint256 i = 0; i < Seats.WORDS; ++i) {
                uint256 word = stakes[i];
                while (word != 0) {
                    uint256 stake = uint32(word);
                    word >>= Seats.BITS;
                    if (stake == 0) continue;
                    uint256 weight = ((stake - 1) * WEIGHT_MAX) / largest;
                    total += weight;
                    packed = (packed << 16) | weight;
                    ++size;
                    if (size & 15 == 0) weights[(size >> 4) - 1] = packed;
                }
            }
            if (size % 16 != 0) weights[size / 16] = packed << (16 * (16 - (size % 16)));
        }
    }

    /// @dev Drops the lowest seat while it is below the minimum, or its weight would be zero, or there are too many.
    function _admit(
        StakeState storage self,
        uint256 minUnits
    ) private returns (uint256[13] memory stakes, uint256 taken, uint256 largest) {
        uint256 limit = self.parameters.seats;
        while (true) {
            stakes = self.seats.stakes;
            bool isBelow;
            (taken, largest, isBelow) = Seats.extremes(stakes, minUnits);
            uint256 minWeighed = Math.ceilDiv(largest, WEIGHT_MAX);
            if (minWeighed > minUnits) {
                minUnits = minWeighed;
            } else {
                if (!isBelow && taken <= limit) return (stakes, taken, largest);
                (, , uint256 lowest, ) = self.seats.survey();
                vacateSeat(self, lowest);
            }
        }
    }

    function _minUnits(StakeState storage self, uint256 unit) private view returns (uint256) {
        return Math.ceilDiv(self.parameters.minSeatStake, unit);
    }

    /// @dev Writes the least that says what changed: nothing, or weights, or weights and roster.
    function _write(
        StakeState storage self,
        Draft memory draft,
        Head memory head
    ) private returns (uint24 nonce, bytes memory code) {
        bytes memory weights = Rosters.cut(draft.weights, draft.size);
        RosterState memory state = self.roster;
        if (state.nonce == 0 || state.changed != 0 || state.seated != draft.seated) {
            Roster memory roster = _nextRoster(self, draft, state);
            code = roster.encode(draft.totalWeight, weights);
            nonce = ++head.creations;
            self.roster = RosterState(0, uint104(draft.seated), nonce, nonce);
            KeyPages.create(code);
            return (nonce, code);
        }
        nonce = state.newest;
        code = KeyPages.pageAt(address(this), nonce).code;
        if (Rosters.hasWeights(code, weights)) return (nonce, code);
        code = Rosters.encodeWeights(weights, draft.totalWeight, uint8(code[2]), state.nonce);
        nonce = ++head.creations;
        self.roster.newest = nonce;
        KeyPages.create(code);
    }

    /// @dev Replaces the keys of seats that changed.
    function _nextRoster(
        StakeState storage self,
        Draft memory draft,
        RosterState memory state
    ) private returns (Roster memory roster) {
        if (state.nonce != 0) roster = Rosters.read(KeyPages.pageAt(address(this), state.nonce));
        uint256 changed = state.changed & draft.seated;
        if (state.seated == draft.seated && roster.isPatchable()) {
            _patch(self, roster, draft.seated, changed);
            return roster;
        }
        uint256[100] memory places;
        for (uint256 rest = changed; rest != 0; rest &= rest - 1) {
            uint256 seat = Seats.first(rest);
            places[seat] = _placeOf(self, seat);
        }
        return roster.rebuild(state.seated, draft.seated, changed, places);
    }

    /// @dev With the same seats, all but the keys that changed stays where it is.
    function _patch(StakeState storage self, Roster memory roster, uint256 seated, uint256 changed) private {
        bytes memory before = abi.encodePacked(roster.references);
        uint256 members = 0;
        for (uint256 rest = changed; rest != 0; rest &= rest - 1) {
            uint256 seat = Seats.first(rest);
            uint256 index = Seats.count(seated & ((1 << seat) - 1));
            if (roster.put(index, _placeOf(self, seat))) members |= 1 << index;
        }
        roster.sum(before, members);
    }

    /// @dev Where the key of a seat's validator stands, after a queued key became current.
    function _placeOf(StakeState storage self, uint256 number) private returns (uint256) {
        (uint32 id, uint256 place, bool isQueued) = self.seats.occupantOf(number);
        if (!isQueued) return place;
        place = self.advance(id);
        self.seats.seat(number, id, place);
        return place;
    }
}
