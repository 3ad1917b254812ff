// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {KeyPages} from "../libraries/KeyPages.sol";

/// @title KeyPagesHarness
/// @notice Exposes the KeyPages library.
contract KeyPagesHarness {
    function pageAt(address creator, uint256 nonce) external pure returns (address) {
        return KeyPages.pageAt(creator, nonce);
    }

    function load(address page, uint256 slot) external view returns (bytes32[8] memory key, uint32 id) {
        id = KeyPages.load(page, slot, key);
    }

    function isNegatable(bytes32[8] calldata key) external pure returns (bool) {
        return KeyPages.isNegatable(key);
    }

    function create(bytes calldata code) external returns (address) {
        return KeyPages.create(code);
    }
}
