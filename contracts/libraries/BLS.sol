// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title BLS
/// @notice BLS12-381 multi-signatures with signatures in G1 and keys in G2, on the precompiles of EIP-2537.
///
/// POINTS are as EIP-2537 encodes them: each coordinate is 64 bytes big-endian, the top 16 zero. G1 is `bytes32[4]`
/// (x, y), G2 is `bytes32[8]` (x.c0, x.c1, y.c0, y.c1). A *packed* key leaves the zeros out: 192 bytes.
///
/// WHAT IS CHECKED WHERE. The pairing precompile rejects non-canonical coordinates, points off the curve and points
/// outside the prime-order subgroup; additions check only the curve. So a key is in the subgroup because a pairing was
/// computed with it when its possession was proven, and sums of such keys stay there; a signature goes through a pairing
/// each time. What no precompile rejects is the identity: a key or signature that is the identity is refused here.
///
/// FAILURE. A malformed point fails the precompile, which burns the gas it was given (63/64 of what is left) and reverts
/// with `BlsPrecompileFailed`; a well-formed but wrong signature returns false. No call is given a fixed amount of gas.
///
/// @dev The only file with assembly beside `KeyPages.sol`: precompiles take contiguous input that Solidity can only
/// build by copying it several times.
library BLS {
    /// @notice A precompile rejected its input, or this chain does not have it.
    error BlsPrecompileFailed(uint256 precompile);
    /// @notice A packed key has 192 bytes.
    error BlsKeyLengthWrong(uint256 given);
    /// @notice RFC 9380 hashes longer tags; the protocol has none.
    error BlsTagTooLong(uint256 given);

    /// @dev draft-irtf-cfrg-bls-signature section 4.2.3, proof-of-possession scheme with signatures in G1.
    bytes internal constant SIGNATURE_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    bytes internal constant POSSESSION_TAG = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

    uint256 private constant SHA_256 = 0x02;
    uint256 private constant MODEXP = 0x05;
    uint256 private constant G1_ADD = 0x0b;
    uint256 private constant G2_ADD = 0x0d;
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_TO_G1 = 0x10;

    /// @dev The field modulus p, high and low word of its 64-byte form.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /* SIGNATURES */

    /// @notice Whether `signature` is by `key` over `digest`. With the sum of several keys whose possession was proven,
    /// whether it is the sum of a signature by each.
    function verify(bytes32[8] memory key, bytes32 digest, bytes32[4] calldata signature) internal view returns (bool) {
        return _verify(key, hashToG1(abi.encodePacked(digest), SIGNATURE_TAG), signature);
    }

    /// @notice Whether `signature` is the sum of two signatures by `key`, one over each digest.
    /// @dev Proves that the key signed both only if the digests differ, which is the caller's to check. Then it is an
    /// aggregate of distinct messages under one proven key, which nobody can make from fewer signatures.
    function verifyPair(
        bytes32[8] memory key,
        bytes32 first,
        bytes32 second,
        bytes32[4] calldata signature
    ) internal view returns (bool) {
        bytes memory tag = SIGNATURE_TAG;
        bytes32[4] memory point = hashToG1(abi.encodePacked(first), tag);
        g1Add(point, hashToG1(abi.encodePacked(second), tag));
        return _verify(key, point, signature);
    }

    /// @notice Whether `proof` shows that whoever made `digest` holds the secret of `key`.
    /// @dev Also validates the key for all later additions: the pairing checks that it is in the subgroup.
    function verifyPossession(
        bytes32[8] memory key,
        bytes32 digest,
        bytes32[4] calldata proof
    ) internal view returns (bool) {
        return _verify(key, hashToG1(abi.encodePacked(digest), POSSESSION_TAG), proof);
    }

    /// @dev e(signature, -g2) * e(point, key) = 1, and neither key nor signature is the identity.
    function _verify(
        bytes32[8] memory key,
        bytes32[4] memory point,
        bytes32[4] calldata signature
    ) private view returns (bool isValid) {
        if (_isZero(signature) || _isZero(key)) return false;
        bool isAnswered;
        assembly ("memory-safe") {
            let input := mload(0x40)
            calldatacopy(input, signature, 0x80)
            mstore(add(input, 0x080), 0x00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051)
            mstore(add(input, 0x0a0), 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8)
            mstore(add(input, 0x0c0), 0x0000000000000000000000000000000013e02b6052719f607dacd3a088274f65)
            mstore(add(input, 0x0e0), 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e)
            mstore(add(input, 0x100), 0x000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bc)
            mstore(add(input, 0x120), 0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa)
            mstore(add(input, 0x140), 0x0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d)
            mstore(add(input, 0x160), 0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed)
            mcopy(add(input, 0x180), point, 0x80)
            mcopy(add(input, 0x200), key, 0x100)
            isAnswered := staticcall(gas(), PAIRING, input, 0x300, 0x00, 0x20)
            isAnswered := and(isAnswered, eq(returndatasize(), 0x20))
            isValid := mload(0x00)
        }
        if (!isAnswered) revert BlsPrecompileFailed(PAIRING);
    }

    /* HASHING TO THE CURVE */

    /// @notice hash_to_curve of RFC 9380 for the suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    /// @dev Written as the RFC has it: expand_message_xmd (5.3.1) to 128 bytes, hash_to_field (5.2), two maps, one
    /// addition. The precompile clears the cofactor of each map; the RFC clears that of their sum, which is the same.
    /// @param tag Domain separation tag, at most 255 bytes.
    function hashToG1(bytes memory message, bytes memory tag) internal view returns (bytes32[4] memory point) {
        if (tag.length > 255) revert BlsTagTooLong(tag.length);
        bool isAnswered;
        assembly ("memory-safe") {
            // SHA-256 and MODEXP fail only where gas is short, and then so does the dearer call that follows them.

            // b_0 = H(Z_pad || message || I2OSP(128, 2) || I2OSP(0, 1) || tag || I2OSP(length of tag, 1))
            let buffer := mload(0x40)
            let messageSize := mload(message)
            let tagSize := mload(tag)
            mstore(buffer, 0)
            mstore(add(buffer, 0x20), 0)
            mcopy(add(buffer, 0x40), add(message, 0x20), messageSize)
            let tail := add(add(buffer, 0x40), messageSize)
            mstore(tail, shl(240, 128))
            mcopy(add(tail, 3), add(tag, 0x20), tagSize)
            mstore8(add(add(tail, 3), tagSize), tagSize)
            pop(staticcall(gas(), SHA_256, buffer, add(0x44, add(messageSize, tagSize)), 0x00, 0x20))
            let b0 := mload(0x00)

            // b_i = H((b_0 xor b_(i - 1)) || I2OSP(i, 1) || tag || ...): the counter and all after it stay in place.
            let round := sub(tail, 30)
            let roundSize := add(34, tagSize)
            mstore(round, b0)
            for {
                let i := 1
            } lt(i, 5) {
                i := add(i, 1)
            } {
                let output := add(sub(point, 0x20), shl(5, i))
                mstore8(add(tail, 2), i)
                pop(staticcall(gas(), SHA_256, round, roundSize, output, 0x20))
                mstore(round, xor(b0, mload(output)))
            }

            // Two field elements: 64 bytes each, to the first power mod p. Each is mapped to a point of G1.
            let input := add(buffer, 0x100)
            mstore(input, 0x40)
            mstore(add(input, 0x20), 0x01)
            mstore(add(input, 0x40), 0x40)
            mstore8(add(input, 0xa0), 0x01)
            mstore(add(input, 0xa1), P_HIGH)
            mstore(add(input, 0xc1), P_LOW)
            isAnswered := 1
            for {
                let i := 0
            } lt(i, 2) {
                i := add(i, 1)
            } {
                mcopy(add(input, 0x60), add(point, shl(6, i)), 0x40)
                pop(staticcall(gas(), MODEXP, input, 0xe1, 0x00, 0x40))
                let isMapped := staticcall(gas(), MAP_TO_G1, 0x00, 0x40, add(buffer, shl(7, i)), 0x80)
                isAnswered := and(isAnswered, and(isMapped, eq(returndatasize(), 0x80)))
            }
            isAnswered := and(isAnswered, staticcall(gas(), G1_ADD, buffer, 0x100, point, 0x80))
        }
        if (!isAnswered) revert BlsPrecompileFailed(MAP_TO_G1);
    }

    /* POINTS */

    /// @notice a := a + b.
    function g1Add(bytes32[4] memory a, bytes32[4] memory b) internal view {
        bool isAnswered;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 0x80)
            mcopy(add(input, 0x80), b, 0x80)
            isAnswered := staticcall(gas(), G1_ADD, input, 0x100, a, 0x80)
            isAnswered := and(isAnswered, eq(returndatasize(), 0x80))
        }
        if (!isAnswered) revert BlsPrecompileFailed(G1_ADD);
    }

    /// @notice a := a + b.
    function g2Add(bytes32[8] memory a, bytes32[8] memory b) internal view {
        bool isAnswered;
        assembly ("memory-safe") {
            let input := mload(0x40)
            mcopy(input, a, 0x100)
            mcopy(add(input, 0x100), b, 0x100)
            isAnswered := staticcall(gas(), G2_ADD, input, 0x200, a, 0x100)
            isAnswered := and(isAnswered, eq(returndatasize(), 0x100))
        }
        if (!isAnswered) revert BlsPrecompileFailed(G2_ADD);
    }

    /// @notice sum := sum + the packed keys of a set of members, each read from contract code.
    /// @dev What an absent signer costs, so nothing is copied twice, and little is kept on the stack: `mload(0x40)` is
    /// read anew in each round, since a constant of the loop would take a stack place for each sum with it.
    /// @param members Bit i is member i.
    /// @param list Has the member's reference at `offset + 2i`: a byte that is an index into `pages`, then the slot.
    /// @param pages Accounts whose code is a zero byte and slots of 196 bytes, each with a packed key in front. Beyond
    /// the code's end are zeros, the identity.
    function g2AddFromCode(
        bytes32[8] memory sum,
        uint256 members,
        bytes memory list,
        uint256 offset,
        address[] memory pages
    ) internal view {
        bool isAnswered;
        assembly ("memory-safe") {
            // The precompile's input: the sum, then the operand, whose coordinates have their upper 16 bytes zero.
            mcopy(mload(0x40), sum, 0x100)
            calldatacopy(add(mload(0x40), 0x100), calldatasize(), 0x100)
            let references := add(add(list, 0x20), offset)
            let table := add(pages, 0x20)
            isAnswered := 1
            for {} members {
                members := and(members, sub(members, 1))
            } {
                let input := mload(0x40)
                // Twice the number of the lowest bit that is set: EIP-7939 counts the zeros above it.
                let twice := sub(510, shl(1, clz(and(members, sub(0, members)))))
                let slot := shr(240, mload(add(references, twice)))
                let page := mload(add(table, shl(5, shr(8, slot))))
                slot := and(slot, 0xff)
                extcodecopy(page, add(input, 0x200), add(mul(slot, 196), 1), 192)
                mcopy(add(input, 0x110), add(input, 0x200), 48)
                mcopy(add(input, 0x150), add(input, 0x230), 48)
                mcopy(add(input, 0x190), add(input, 0x260), 48)
                mcopy(add(input, 0x1d0), add(input, 0x290), 48)
                isAnswered := and(isAnswered, staticcall(gas(), G2_ADD, input, 0x200, input, 0x100))
            }
            mcopy(sum, mload(0x40), 0x100)
        }
        if (!isAnswered) revert BlsPrecompileFailed(G2_ADD);
    }

    /// @notice a := -a. Coordinates must be canonical, as those of every key are whose possession was proven.
    function g2Negate(bytes32[8] memory a) internal pure {
        (a[4], a[5]) = _fieldNegate(a[4], a[5]);
        (a[6], a[7]) = _fieldNegate(a[6], a[7]);
    }

    function _fieldNegate(bytes32 high, bytes32 low) private pure returns (bytes32, bytes32) {
        if (high | low == 0) return (high, low);
        // No underflow: the value is below p, and the low words' borrow is taken from the high ones.
        unchecked {
            uint256 borrow = uint256(low) > P_LOW ? 1 : 0;
            return (bytes32(P_HIGH - uint256(high) - borrow), bytes32(P_LOW - uint256(low)));
        }
    }

    function _isZero(bytes32[4] calldata point) private pure returns (bool) {
        return point[0] | point[1] | point[2] | point[3] == 0;
    }

    function _isZero(bytes32[8] memory point) private pure returns (bool) {
        return point[0] | point[1] | point[2] | point[3] | point[4] | point[5] | point[6] | point[7] == 0;
    }

    /* KEYS */

    /// @notice The 192 bytes x.c0, x.c1, y.c0, y.c1, 48 each.
    function pack(bytes32[8] memory key) internal pure returns (bytes memory) {
        return
            abi.encodePacked(
                uint128(uint256(key[0])),
                key[1],
                uint128(uint256(key[2])),
                key[3],
                uint128(uint256(key[4])),
                key[5],
                uint128(uint256(key[6])),
                key[7]
            );
    }

    /// @notice Inverse of `pack`. Says nothing about whether the bytes are a point.
    function unpack(bytes calldata packed) internal pure returns (bytes32[8] memory key) {
        if (packed.length != 192) revert BlsKeyLengthWrong(packed.length);
        for (uint256 i = 0; i < 4; ++i) {
            key[2 * i] = bytes32(uint256(uint128(bytes16(packed[48 * i:48 * i + 16]))));
            key[2 * i + 1] = bytes32(packed[48 * i + 16:48 * i + 48]);
        }
    }

    /// @notice Unpacks the key that stands at an offset of `data`, which the caller knows to be long enough.
    function unpackAt(bytes memory data, uint256 offset) internal pure returns (bytes32[8] memory key) {
        // Each coordinate goes to the lower 48 of its 64 bytes; the upper 16 are zero already.
        assembly ("memory-safe") {
            let from := add(add(data, 0x20), offset)
            mcopy(add(key, 0x10), from, 48)
            mcopy(add(key, 0x50), add(from, 48), 48)
            mcopy(add(key, 0x90), add(from, 96), 48)
            mcopy(add(key, 0xd0), add(from, 144), 48)
        }
    }

    /// @notice What a key is known by: keccak256 of its packed bytes.
    function keyHash(bytes32[8] memory key) internal pure returns (bytes32) {
        return keccak256(pack(key));
    }
}
