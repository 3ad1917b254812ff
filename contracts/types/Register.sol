// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using RegisterLib for Register global;

/// @notice What a proof of possession signs. It names the account that registers, so it cannot be copied from the
/// mempool.
/// @param validator Account that owns the validator.
/// @param keyHash keccak256 of the 192 bytes x.c0, x.c1, y.c0, y.c1 of the public key, 48 bytes big-endian each.
struct Register {
    address validator;
    bytes32 keyHash;
}

library RegisterLib {
    bytes32 internal constant TYPE_HASH = keccak256("Register(address validator,bytes32 keyHash)");

    function hash(Register memory self) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, self.validator, self.keyHash));
    }
}
