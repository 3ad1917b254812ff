// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeTable, Parameter} from "../interfaces/IStakeTable.sol";
import {ParameterBounds} from "./ParameterBounds.sol";
import {QueuedValue, StakeState} from "./StakeState.sol";

/// @title Governance
/// @notice The parameter queue and the guardian's pause, whose limits hold whatever the access manager allows. Linked to
/// the stake table, whose storage it works with.
library Governance {
    uint256 private constant PAUSE_MAX = 7 days;
    uint256 private constant PAUSE_COOLDOWN = 60 days;

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
}
