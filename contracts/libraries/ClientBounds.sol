// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILightClient, LightClientParameters} from "../interfaces/ILightClient.sol";
import {IStakeTable} from "../interfaces/IStakeTable.sol";

/// @title ClientBounds
/// @notice What a light client may be made with. Nothing of it can be changed later.
library ClientBounds {
    /// @notice A committee that resumes is at least this old, so that its making was seen by everyone...
    uint256 internal constant RESUME_COMMITTEE_AGE = 2 days;
    /// @notice ...and is trusted for at least this long after the resume is applied.
    uint256 internal constant RESUME_TRUST_LEFT = 7 days;

    /// @dev More blocks than the state can count would be an epoch without end.
    uint256 private constant EPOCH_LENGTH_MAX = (1 << 40) - 1;
    uint256 private constant MARGIN_MIN = 7 days;
    /// @dev Far beyond any clock's error; what a header's time may be wrong by, rollups have to bear.
    uint256 private constant L1_DRIFT_MAX = 1 hours;
    /// @dev So that the ring has an entry no younger than what a rollup takes for alive.
    uint256 private constant RING_INTERVAL_MAX = 1 days;
    /// @dev An escape hatch opens at the latest a day after the client died, and gets another one to be used.
    uint256 private constant RESUME_DELAY_MIN = 2 days;

    /// @notice Reverts unless a light client can work with these.
    /// @return trusted For how long after its creation a committee is trusted, seconds.
    function check(
        IStakeTable stakeTable,
        bytes32 genesisHash,
        LightClientParameters memory given
    ) internal view returns (uint256 trusted) {
        if (address(stakeTable).code.length == 0) {
            revert ILightClient.LightClientStakeTableMissing(address(stakeTable));
        }
        if (genesisHash == 0) revert ILightClient.LightClientGenesisZero();
        if (given.epochLength == 0) revert ILightClient.LightClientEpochLengthZero();
        if (given.epochLength > EPOCH_LENGTH_MAX) {
            revert ILightClient.LightClientEpochLengthTooLong(given.epochLength, EPOCH_LENGTH_MAX);
        }
        if (given.l1Drift > L1_DRIFT_MAX) revert ILightClient.LightClientDriftTooLong(given.l1Drift, L1_DRIFT_MAX);
        if (given.ringInterval == 0) revert ILightClient.LightClientRingIntervalZero();
        if (given.ringInterval > RING_INTERVAL_MAX) {
            revert ILightClient.LightClientRingIntervalTooLong(given.ringInterval, RING_INTERVAL_MAX);
        }
        if (given.resumeDelay < RESUME_DELAY_MIN) {
            revert ILightClient.LightClientResumeDelayTooShort(given.resumeDelay, RESUME_DELAY_MIN);
        }
        if (given.margin < MARGIN_MIN) revert ILightClient.LightClientMarginTooShort(given.margin, MARGIN_MIN);
        trusted = Math.saturatingSub(stakeTable.escrow(), given.margin);
        // Less, and no committee could ever be old enough and young enough to resume.
        uint256 least = RESUME_COMMITTEE_AGE + given.resumeDelay + RESUME_TRUST_LEFT;
        if (trusted <= least) revert ILightClient.LightClientTrustPeriodTooShort(trusted, least);
    }
}
