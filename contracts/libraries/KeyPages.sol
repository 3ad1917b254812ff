// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title KeyPages
/// @notice Voting keys as contract code. A page is written once and read by code copy: many keys share the price of one
/// cold account, where storage would cost one cold slot for every 32 bytes.
///
/// A page is a zero byte (so that it cannot be executed) followed by entries of 196 bytes: the key, negated (so that an
/// absent signer costs one addition), as x.c0, x.c1, y.c0, y.c1 of 48 bytes each, then the validator's id as uint32.
///
/// Pages and committee code are created by the stake table with CREATE and named by its nonce, so that their address
/// follows from the name without reading storage.
library KeyPages {
    uint256 internal constant KEY_LENGTH = 192;
    uint256 internal constant ENTRY_LENGTH = 196;
    /// @dev The most entries that a contract of 24,576 bytes takes after the zero byte.
    uint256 internal constant CAPACITY = 125;

    /// @dev PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: returns what follows it.
    uint256 private constant CREATION_CODE = 0x61000080600a3d393df3;

    /// @dev The field modulus of BLS12-381, in its upper 128 and lower 256 bits.
    uint256 private constant MODULUS_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant MODULUS_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// @notice The page holds no key in this slot, or is no page.
    error KeyPageSlotEmpty(address page, uint256 slot);
    error KeyPageCreationFailed(uint256 length);
    error KeyPageNonceTooHigh(uint256 nonce);

    /// @notice The account that `creator` made with its nonce `nonce`, which is not zero: keccak256(rlp([creator, nonce])).
    function pageAt(address creator, uint256 nonce) internal pure returns (address page) {
        uint256 head = (0x94 << 160) | uint160(creator);
        uint256 rlp;
        uint256 length;
        if (nonce < 0x80) (rlp, length) = ((0xd6 << 176) | (head << 8) | nonce, 23);
        else if (nonce < 0x100) (rlp, length) = ((0xd7 << 184) | (head << 16) | (0x81 << 8) | nonce, 24);
        else if (nonce < 0x10000) (rlp, length) = ((0xd8 << 192) | (head << 24) | (0x82 << 16) | nonce, 25);
        else if (nonce < 0x1000000) (rlp, length) = ((0xd9 << 200) | (head << 32) | (0x83 << 24) | nonce, 26);
        else revert KeyPageNonceTooHigh(nonce);
        // Hashes from scratch space: `abi.encodePacked` would allocate memory for each of many pages.
        assembly ("memory-safe") {
            mstore(0, shl(sub(256, mul(8, length)), rlp))
            page := and(keccak256(0, length), 0xffffffffffffffffffffffffffffffffffffffff)
        }
    }

    /// @notice Reads one key, negated, into a point of G2 as EIP-2537 encodes it.
    /// @param into Overwritten; a buffer of the caller's, so that a walk over many keys needs one.
    /// @return id The key's validator.
    function load(address page, uint256 slot, bytes32[8] memory into) internal view returns (uint32 id) {
        // Code can be copied in part by assembly only. The 196 bytes go to free memory, which is not allocated, and from
        // there each coordinate to the lower 48 bytes of its 64. Beyond the code's end, zeros are read: no id is zero.
        assembly ("memory-safe") {
            let entry := mload(0x40)
            extcodecopy(page, entry, add(1, mul(slot, 196)), 196)
            id := shr(224, mload(add(entry, 192)))
            mstore(into, 0)
            mcopy(add(into, 16), entry, 48)
            mstore(add(into, 64), 0)
            mcopy(add(into, 80), add(entry, 48), 48)
            mstore(add(into, 128), 0)
            mcopy(add(into, 144), add(entry, 96), 48)
            mstore(add(into, 192), 0)
            mcopy(add(into, 208), add(entry, 144), 48)
        }
        if (id == 0) revert KeyPageSlotEmpty(page, slot);
    }

    /// @notice A buffer for a page of `keys` keys, to be filled by `put` slot by slot, with a word of room behind it.
    function buffer(uint256 keys) internal pure returns (bytes memory page) {
        return new bytes(1 + keys * ENTRY_LENGTH + 32);
    }

    /// @notice Copies one of several keys, which stand behind each other, to a slot; `put` completes the entry.
    /// @param offset Where it stands in `keys`; the caller knows that it ends inside.
    /// @param keyHashes Gets what the key is known by, at the slot; the caller knows that it has one.
    function copy(
        bytes memory page,
        uint256 slot,
        bytes calldata keys,
        uint256 offset,
        bytes32[] memory keyHashes
    ) internal pure returns (bytes32 keyHash) {
        // Solidity would allocate memory anew for each key that it hashes.
        assembly ("memory-safe") {
            let entry := add(add(page, 33), mul(slot, 196))
            calldatacopy(entry, add(keys.offset, offset), 192)
            keyHash := keccak256(entry, 192)
            mstore(add(add(keyHashes, 32), shl(5, slot)), keyHash)
        }
    }

    /// @notice Completes an entry: negates its key and writes its validator's id.
    function put(bytes memory page, uint256 slot, uint256 id) internal pure {
        // The id comes with zeros behind it: slots are filled in order. A coordinate is negated as p - y in two words: it is
        // below p, since the key passed the pairing precompile, and not zero, as `isNegatable` says.
        assembly ("memory-safe") {
            let y := add(add(page, 129), mul(slot, 196))
            let high := shr(128, mload(y))
            let low := mload(add(y, 16))
            mstore(y, shl(128, sub(MODULUS_HIGH, add(high, gt(low, MODULUS_LOW)))))
            mstore(add(y, 16), sub(MODULUS_LOW, low))
            high := shr(128, mload(add(y, 48)))
            low := mload(add(y, 64))
            mstore(add(y, 48), shl(128, sub(MODULUS_HIGH, add(high, gt(low, MODULUS_LOW)))))
            mstore(add(y, 64), sub(MODULUS_LOW, low))
            mstore(add(y, 96), shl(224, id))
        }
    }

    /// @notice Whether neither half of a key's y is zero, whose negation is not p - y. No honest key has such a half: the
    /// chance is one in 2^380.
    function isNegatable(bytes32[8] memory key) internal pure returns (bool) {
        return key[4] | key[5] != 0 && key[6] | key[7] != 0;
    }

    /// @notice Shortens data in place, to at most its length; the memory behind stays unused.
    function cut(bytes memory data, uint256 length) internal pure returns (bytes memory) {
        assembly ("memory-safe") {
            mstore(data, length)
        }
        return data;
    }

    /// @notice Creates a page from the first `keys` slots of its buffer.
    function seal(bytes memory page, uint256 keys) internal returns (address) {
        return create(cut(page, 1 + keys * ENTRY_LENGTH));
    }

    /// @notice Creates an account whose code is `code`, which is at most 24,576 bytes and begins with a zero byte.
    function create(bytes memory code) internal returns (address account) {
        uint256 length = code.length;
        // The creation code takes the place of the length word for a moment, so that the code need not be copied.
        assembly ("memory-safe") {
            mstore(code, or(CREATION_CODE, shl(56, length)))
            account := create(0, add(code, 22), add(length, 10))
            mstore(code, length)
        }
        if (account == address(0)) revert KeyPageCreationFailed(length);
    }
}
