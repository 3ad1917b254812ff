// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeTable, KeyRecord} from "../interfaces/IStakeTable.sol";
import {CommitteeRecord} from "../types/Committee.sol";
import {KeyPages} from "./KeyPages.sol";
import {Keys} from "./Keys.sol";
import {ParameterBounds} from "./ParameterBounds.sol";
import {Roster, Rosters} from "./Rosters.sol";
import {Seats} from "./Seats.sol";
import {RosterState, StakeState, ValidatorState} from "./StakeState.sol";

/// @title Committees
/// @notice Seats, and the committees that `rotate()` makes of them. Linked to the stake table, whose storage it works with.
library Committees {
    using Keys for StakeState;

    /// @notice A committee in the making.
    /// @param size Number of members.
    /// @param units Their stake.
    /// @param seated Bit s: seat s is a member's.
    /// @param weights Sixteen to a word, the first on top.
    /// @param members Four to a word, the first on top: (seat u8, id u40, weight u16).
    struct Draft {
        uint256[] seats;
        uint256 size;
        uint256 units;
        uint256 totalWeight;
        uint256 seated;
        uint256[] weights;
        uint256[] members;
    }

    uint256 private constant WEIGHT_MAX = type(uint16).max;

    /* SEATS */

    /// @notice Gives a validator a free seat, or the lowest one if its stake is greater.
    function take(StakeState storage self, uint32 id, uint256 units, uint256 unit) external returns (uint8 number) {
        ValidatorState storage validator = self.validators[id];
        if (validator.seat != 0) revert IStakeTable.StakeTableSeatHeld(id, validator.seat - 1);
        KeyRecord memory key = self.keys[validator.keyHash];
        if (key.page == 0) revert IStakeTable.StakeTableKeyNotSealed(validator.keyHash);
        uint256 minUnits = _minUnits(self, unit);
        if (units < minUnits) revert IStakeTable.StakeTableSeatStakeTooLow(units * unit, minUnits * unit);
        uint256[] memory seats = self.seats.load();
        (uint256 free, uint256 taken) = Seats.firstFree(seats);
        if (taken >= self.parameters.seats) {
            free = Seats.lowest(seats);
            uint256 least = Seats.unitsOf(seats[free]);
            if (units <= least) revert IStakeTable.StakeTableSeatStakeTooLow(units * unit, (least + 1) * unit);
            _vacate(self, Seats.idOf(seats[free]));
        }

        number = uint8(free);
        validator.seat = number + 1;
        validator.page = key.page;
        validator.slot = key.slot;
        self.seats.set(number, Seats.pack(id, units));
        self.roster.changed |= bit(number);

        emit IStakeTable.SeatTaken(number, id);
    }

    /// @notice Frees a validator's seat. A queued key has no rotation to wait for any more, so it becomes current.
    function vacate(StakeState storage self, uint32 id) external {
        _vacate(self, id);
    }

    function bit(uint256 number) internal pure returns (uint104) {
        return uint104(1 << number);
    }

    function _vacate(StakeState storage self, uint32 id) private {
        ValidatorState storage validator = self.validators[id];
        uint8 number = validator.seat - 1;

        validator.seat = 0;
        self.seats.set(number, 0);
        self.roster.changed |= bit(number);

        emit IStakeTable.SeatVacated(number, id);
        if (validator.keyQueued) self.advance(id);
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

        address code = _write(self, draft);
        id = uint64(++self.head.committees);
        self.head.rotatedAt = uint40(block.timestamp);
        self.head.committeeUnits = uint48(draft.units);
        self.committees[id] = CommitteeRecord(code, uint48(block.timestamp), uint48(block.number));

        emit IStakeTable.CommitteeCreated(
            id,
            code,
            bytes32(block.prevrandao),
            stake,
            uint32(draft.totalWeight),
            KeyPages.cut(abi.encodePacked(draft.members), 8 * draft.size)
        );
    }

    /// @dev Drops seats below the minimum, then seats beyond the limit, then seats without weight; weighs the others.
    function _draft(StakeState storage self, uint256 unit) private returns (Draft memory draft) {
        uint256[] memory seats = self.seats.load();
        (uint256 taken, uint256 largest) = _dropLow(self, seats, _minUnits(self, unit));
        for (uint256 limit = self.parameters.seats; taken > limit; --taken) {
            _drop(self, seats, Seats.lowest(seats));
        }

        draft.seats = seats;
        draft.weights = new uint256[]((taken + 15) / 16);
        draft.members = new uint256[]((taken + 3) / 4);
        for (uint256 i = 0; i < Seats.COUNT; ++i) {
            uint256 seat = seats[i];
            if (seat == 0) continue;
            uint256 units = Seats.unitsOf(seat);
            uint256 weight = (units * WEIGHT_MAX) / largest;
            if (weight == 0) {
                _drop(self, seats, i);
                continue;
            }
            uint256 index = draft.size++;
            Rosters.put(draft.weights, index, weight);
            uint256 member = (i << 56) | (uint256(Seats.idOf(seat)) << 16) | weight;
            draft.members[index / 4] |= member << (64 * (3 - (index % 4)));
            draft.units += units;
            draft.totalWeight += weight;
            draft.seated |= 1 << i;
        }
    }

    function _dropLow(
        StakeState storage self,
        uint256[] memory seats,
        uint256 minUnits
    ) private returns (uint256 taken, uint256 largest) {
        for (uint256 i = 0; i < Seats.COUNT; ++i) {
            if (seats[i] == 0) continue;
            uint256 units = Seats.unitsOf(seats[i]);
            if (units < minUnits) {
                _drop(self, seats, i);
                continue;
            }
            ++taken;
            if (units > largest) largest = units;
        }
    }

    function _drop(StakeState storage self, uint256[] memory seats, uint256 number) private {
        uint32 id = Seats.idOf(seats[number]);
        seats[number] = 0;
        _vacate(self, id);
    }

    function _minUnits(StakeState storage self, uint256 unit) private view returns (uint256) {
        return Math.ceilDiv(self.parameters.minSeatStake, unit);
    }

    /// @dev Writes the least that says what changed: nothing, or weights, or weights and roster.
    function _write(StakeState storage self, Draft memory draft) private returns (address) {
        bytes memory weights = KeyPages.cut(abi.encodePacked(draft.weights), 2 * draft.size);
        RosterState memory state = self.roster;
        if (state.nonce == 0 || state.changed != 0 || state.seated != draft.seated) {
            Roster memory roster = _nextRoster(self, draft, state);
            uint24 nonce = ++self.head.creations;
            self.roster = RosterState(0, uint104(draft.seated), nonce, uint8(roster.pageCount));
            return KeyPages.create(roster.encode(draft.totalWeight, weights));
        }
        address newest = self.committees[self.head.committees].code;
        if (Rosters.hasWeights(newest, weights)) return newest;
        ++self.head.creations;
        return KeyPages.create(Rosters.encodeWeights(weights, draft.totalWeight, state.pageCount, state.nonce));
    }

    /// @dev Walks the seats of the newest roster and of the draft side by side.
    function _nextRoster(
        StakeState storage self,
        Draft memory draft,
        RosterState memory state
    ) private returns (Roster memory roster) {
        roster = Rosters.empty(draft.size);
        Roster memory previous;
        if (state.nonce != 0) {
            previous = Rosters.read(KeyPages.pageAt(address(this), state.nonce));
            roster.key = previous.key;
        }
        uint256 before = 0;
        uint256 index = 0;
        for (uint256 i = 0; i < Seats.COUNT; ++i) {
            uint24 nonce = 0;
            uint256 slot = 0;
            if ((state.seated >> i) & 1 != 0) (nonce, slot) = previous.referenceAt(before++);
            if ((draft.seated >> i) & 1 == 0) {
                if (nonce != 0) roster.exclude(nonce, slot);
                continue;
            }
            if ((state.changed >> i) & 1 != 0) {
                (uint24 newNonce, uint256 newSlot) = _placeOf(self, Seats.idOf(draft.seats[i]));
                if (newNonce != nonce || newSlot != slot) {
                    if (nonce != 0) roster.exclude(nonce, slot);
                    roster.include(newNonce, newSlot);
                    (nonce, slot) = (newNonce, newSlot);
                }
            }
            roster.refer(index++, nonce, slot);
        }
    }

    /// @dev Where the key of a seated validator stands, after a queued key became current.
    function _placeOf(StakeState storage self, uint32 id) private returns (uint24, uint256) {
        ValidatorState storage validator = self.validators[id];
        if (validator.keyQueued) self.advance(id);
        return (validator.page, validator.slot);
    }
}
