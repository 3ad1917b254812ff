// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeTable, Parameter} from "../interfaces/IStakeTable.sol";
import {ParameterBounds} from "./ParameterBounds.sol";
import {QueuedValue, StakeState, ValidatorState} from "./StakeState.sol";

/// @title Governance
/// @notice What may change, how far and how soon: the parameter queue and the guardian's pause, whose limits hold whatever
/// the access manager allows, and commissions. Linked to the stake table, whose storage it works with.
library Governance {
    uint256 private constant PAUSE_MAX = 7 days;
    uint256 private constant PAUSE_COOLDOWN = 60 days;
    uint256 private constant BASIS_POINTS = 10_000;
    /// @dev Largest increase of a commission, in basis points.
    uint256 private constant COMMISSION_STEP = 500;

    function queueParameter(
        StakeState storage self,
        Parameter parameter,
        uint256 value,
        uint256 escrow,
        uint256 stakeUnit
    ) external {
        ParameterBounds.check(parameter, value, escrow, stakeUnit);
        uint40 effectiveAt = uint40(block.timestamp + escrow);

        self.queue[parameter] = QueuedValue(uint216(value), effectiveAt);

        emit IStakeTable.ParameterQueued(parameter, value, effectiveAt);
    }

    function cancelParameter(StakeState storage self, Parameter parameter) external {
        if (self.queue[parameter].effectiveAt == 0) revert IStakeTable.StakeTableParameterNotQueued(parameter);

        delete self.queue[parameter];

        emit IStakeTable.ParameterCancelled(parameter);
    }

    function applyParameter(StakeState storage self, Parameter parameter) external {
        QueuedValue memory queued = self.queue[parameter];
        if (queued.effectiveAt == 0) revert IStakeTable.StakeTableParameterNotQueued(parameter);
        if (block.timestamp < queued.effectiveAt) {
            revert IStakeTable.StakeTableParameterNotDue(parameter, queued.effectiveAt);
        }

        delete self.queue[parameter];
        ParameterBounds.set(self.parameters, parameter, queued.value);

        emit IStakeTable.ParameterApplied(parameter, queued.value);
    }

    function pause(StakeState storage self, uint40 duration) external {
        if (duration > PAUSE_MAX) revert IStakeTable.StakeTablePauseTooLong(duration, PAUSE_MAX);
        uint40 pausableAt = self.head.pausableAt;
        if (block.timestamp < pausableAt) revert IStakeTable.StakeTablePauseTooSoon(block.timestamp, pausableAt);

        uint40 until = uint40(block.timestamp) + duration;
        self.head.pausedUntil = until;
        self.head.pausableAt = until + uint40(PAUSE_COOLDOWN);

        emit IStakeTable.Paused(until);
    }

    function unpause(StakeState storage self) external {
        self.head.pausedUntil = 0;

        emit IStakeTable.Unpaused();
    }

    function setCommission(StakeState storage state, uint32 id, uint16 commission, uint256 escrow) external {
        ValidatorState storage self = state.validators[id];
        uint16 current = commissionOf(self);
        if (commission == current && self.nextCommissionAt == 0) {
            revert IStakeTable.StakeTableCommissionUnchanged(commission);
        }
        uint256 limit = Math.min(current + COMMISSION_STEP, BASIS_POINTS);
        if (commission > limit) revert IStakeTable.StakeTableCommissionTooHigh(commission, uint16(limit));

        bool isIncrease = commission > current;
        uint40 effectiveAt = uint40(block.timestamp + (isIncrease ? escrow : 0));
        self.commission = isIncrease ? current : commission;
        self.nextCommission = isIncrease ? commission : 0;
        self.nextCommissionAt = isIncrease ? effectiveAt : 0;

        emit IStakeTable.CommissionChanged(id, commission, effectiveAt);
    }

    /// @notice The commission in force.
    function commissionOf(ValidatorState storage self) internal view returns (uint16) {
        uint40 effectiveAt = self.nextCommissionAt;
        return effectiveAt != 0 && block.timestamp >= effectiveAt ? self.nextCommission : self.commission;
    }
}
