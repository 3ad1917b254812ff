// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "../interfaces/ILightClient.sol";
import {Hatch, HatchTerms} from "../libraries/EscapeHatch.sol";

/// @title EscapeHatchHarness
/// @notice A rollup that uses the hatch without taking the queue along when it closes, as the examples do.
contract EscapeHatchHarness {
    ILightClient public immutable lightClient;
    Hatch private _hatch;
    HatchTerms private _terms;

    constructor(ILightClient lightClient_, HatchTerms memory terms) {
        lightClient = lightClient_;
        _terms = terms;
    }

    function enqueue(bytes calldata data) external returns (uint64 index) {
        return _hatch.enqueue(data);
    }

    function openHatch() external {
        _hatch.open(_terms, lightClient);
    }

    function armHatch() external {
        _hatch.arm(_terms, lightClient);
    }

    function closeHatch() external {
        _hatch.close(_terms, lightClient);
    }

    function include(uint64 upTo) external {
        _hatch.include(upTo);
    }

    function hatch() external view returns (uint64 head, uint64 tail, bool isOpen, uint64 armedAt) {
        return (_hatch.head, _hatch.tail, _hatch.isOpen, _hatch.armedAt);
    }
}
