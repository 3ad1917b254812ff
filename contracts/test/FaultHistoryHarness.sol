// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {FaultHistory} from "../libraries/FaultHistory.sol";

/// @title FaultHistoryHarness
/// @notice Exposes the FaultHistory library.
contract FaultHistoryHarness {
    FaultHistory private _faults;

    /// @notice Adds several fractions in one second.
    function add(uint256[] calldata fractions) external {
        for (uint256 i = 0; i < fractions.length; ++i) _faults.add(fractions[i]);
    }

    function upTo(uint256 time) external view returns (uint256) {
        return _faults.upTo(time);
    }
}
