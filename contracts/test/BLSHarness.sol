// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BLS} from "../libraries/BLS.sol";

/// @title BLSHarness
/// @notice Exposes the BLS library.
contract BLSHarness {
    function hashToG1(bytes calldata message, bytes calldata tag) external view returns (bytes32[4] memory) {
        return BLS.hashToG1(message, tag);
    }

    function verify(
        bytes32[8] calldata key,
        bytes32 digest,
        bytes32[4] calldata signature
    ) external view returns (bool) {
        return BLS.verify(key, digest, signature);
    }

    function verifyPair(
        bytes32[8] calldata key,
        bytes32 first,
        bytes32 second,
        bytes32[4] calldata signature
    ) external view returns (bool) {
        return BLS.verifyPair(key, first, second, signature);
    }

    function verifyPossession(
        bytes32[8] calldata key,
        bytes32 digest,
        bytes32[4] calldata proof
    ) external view returns (bool) {
        return BLS.verifyPossession(key, digest, proof);
    }

    function g1Add(bytes32[4] memory a, bytes32[4] calldata b) external view returns (bytes32[4] memory) {
        BLS.g1Add(a, b);
        return a;
    }

    function g2Add(bytes32[8] memory a, bytes32[8] calldata b) external view returns (bytes32[8] memory) {
        BLS.g2Add(a, b);
        return a;
    }

    function g2Negate(bytes32[8] memory a) external pure returns (bytes32[8] memory) {
        BLS.g2Negate(a);
        return a;
    }

    function pack(bytes32[8] calldata key) external pure returns (bytes memory) {
        return BLS.pack(key);
    }

    function unpack(bytes calldata packed) external pure returns (bytes32[8] memory) {
        return BLS.unpack(packed);
    }

    function keyHash(bytes32[8] calldata key) external pure returns (bytes32) {
        return BLS.keyHash(key);
    }
}
