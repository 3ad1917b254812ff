// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeTable, Parameter, Parameters, StakeTableConfig} from "../interfaces/IStakeTable.sol";
import {Seats} from "./Seats.sol";

/// @title ParameterBounds
/// @notice What governance may choose. Each bound keeps a malicious choice, announced U ahead, from doing more than making
/// the stake table unattractive: none moves stake, and none stops anyone from leaving.
library ParameterBounds {
    /// @notice Least seats of a committee.
    uint256 internal constant SEATS_MIN = 4;
    uint256 internal constant SEATS_MAX = Seats.COUNT;
    uint256 internal constant ROTATION_INTERVAL_MIN = 1;
    /// @notice Rotations take place at least four times in U, so that a new committee exists before trust in the old ends.
    uint256 internal constant ROTATIONS_PER_ESCROW_MIN = 4;
    /// @notice Minimum stakes of a validator, in stake units: a 128th of what a seat can count.
    uint256 internal constant MINIMUM_UNITS_MAX = type(uint24).max;
    uint256 internal constant AMOUNT_MAX = type(uint104).max;
    uint256 internal constant ESCROW_MIN = 8 days;
    uint256 internal constant ESCROW_MAX = 365 days;

    /// @notice Checks everything that a stake table is made with.
    function check(StakeTableConfig memory config) internal view {
        if (config.token.code.length == 0) revert IStakeTable.StakeTableConfigInvalid("token");
        if (config.slasher == address(0)) revert IStakeTable.StakeTableConfigInvalid("slasher");
        if (config.authority.code.length == 0) revert IStakeTable.StakeTableConfigInvalid("authority");
        if (config.escrow < ESCROW_MIN || config.escrow > ESCROW_MAX) {
            revert IStakeTable.StakeTableConfigInvalid("escrow");
        }
        if (config.stakeUnit == 0 || config.stakeUnit > AMOUNT_MAX / (Seats.UNITS_MAX * Seats.COUNT)) {
            revert IStakeTable.StakeTableConfigInvalid("stakeUnit");
        }
        Parameters memory given = config.parameters;
        check(Parameter.Seats, given.seats, config.escrow, config.stakeUnit);
        check(Parameter.MinSelfStake, given.minSelfStake, config.escrow, config.stakeUnit);
        check(Parameter.MinSeatStake, given.minSeatStake, config.escrow, config.stakeUnit);
        check(Parameter.MinCommitteeStake, given.minCommitteeStake, config.escrow, config.stakeUnit);
        check(Parameter.MinDelegation, given.minDelegation, config.escrow, config.stakeUnit);
        check(Parameter.RotationInterval, given.rotationInterval, config.escrow, config.stakeUnit);
        check(Parameter.ReporterCap, given.reporterCap, config.escrow, config.stakeUnit);
    }

    /// @notice Checks one value.
    function check(Parameter parameter, uint256 value, uint256 escrow, uint256 stakeUnit) internal pure {
        (uint256 atLeast, uint256 atMost) = bounds(parameter, escrow, stakeUnit);
        if (value < atLeast || value > atMost) {
            revert IStakeTable.StakeTableParameterOutOfBounds(parameter, value, atLeast, atMost);
        }
    }

    function bounds(
        Parameter parameter,
        uint256 escrow,
        uint256 stakeUnit
    ) internal pure returns (uint256 atLeast, uint256 atMost) {
        if (parameter == Parameter.Seats) return (SEATS_MIN, SEATS_MAX);
        if (parameter == Parameter.RotationInterval) {
            return (ROTATION_INTERVAL_MIN, escrow / ROTATIONS_PER_ESCROW_MIN);
        }
        if (parameter == Parameter.ReporterCap) return (0, AMOUNT_MAX);
        uint256 minimum = MINIMUM_UNITS_MAX * stakeUnit;
        if (parameter == Parameter.MinDelegation) return (1, minimum);
        if (parameter == Parameter.MinCommitteeStake) return (SEATS_MIN * stakeUnit, SEATS_MIN * minimum);
        return (stakeUnit, minimum);
    }

    /// @notice Writes one checked value.
    function set(Parameters storage self, Parameter parameter, uint256 value) internal {
        if (parameter == Parameter.Seats) self.seats = uint8(value);
        else if (parameter == Parameter.MinSelfStake) self.minSelfStake = uint104(value);
        else if (parameter == Parameter.MinSeatStake) self.minSeatStake = uint104(value);
        else if (parameter == Parameter.MinCommitteeStake) self.minCommitteeStake = uint104(value);
        else if (parameter == Parameter.MinDelegation) self.minDelegation = uint104(value);
        else if (parameter == Parameter.RotationInterval) self.rotationInterval = uint40(value);
        else self.reporterCap = uint104(value);
    }
}
