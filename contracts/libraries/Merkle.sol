// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Merkle
/// @notice Trees of the shape of RFC 9162 section 2.1 over keccak256: leaf prefix 0x00, node prefix 0x01, the left
/// subtree is the largest power of two below the size, and the empty root is keccak256("").
/// @dev The size always comes from a committed structure (a header's height, a size-bound root, an entry's txCount),
/// never from the prover: with a size of the prover's choice, inner nodes could pass as leaves of a smaller tree.
library Merkle {
    /// @notice Root of the tree without leaves.
    bytes32 internal constant EMPTY_ROOT = keccak256("");

    /// @notice The leaf is not in a tree of this size.
    error MerkleIndexOutOfBounds(uint256 index, uint256 size);
    /// @notice The proof does not have as many nodes as the leaf's path.
    error MerkleProofLengthWrong(uint256 length, uint256 index, uint256 size);

    function leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), data));
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @notice A root that stores its size.
    function sized(uint64 size, bytes32 root) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x02), size, root));
    }

    /// @notice Root of the tree of `size` leaves in which `leafHash` stands at `index`, as `proof` has it.
    /// @dev RFC 9162 section 2.1.3.2. Level by level: a node without a right sibling is carried up unchanged.
    /// @param proof Siblings from the leaf upwards.
    function rootOf(
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) internal pure returns (bytes32 root) {
        if (index >= size) revert MerkleIndexOutOfBounds(index, size);
        root = leafHash;
        uint256 used;
        uint256 position = index;
        // No overflow: `size` is not zero, and `used` stays below the length of a list in calldata.
        unchecked {
            // Bounded: `last` halves in every round.
            for (uint256 last = size - 1; last != 0; last >>= 1) {
                bool isRight = position & 1 == 1;
                if (isRight || position != last) {
                    if (used == proof.length) revert MerkleProofLengthWrong(proof.length, index, size);
                    bytes32 sibling = proof[used++];
                    root = isRight ? node(sibling, root) : node(root, sibling);
                }
                position >>= 1;
            }
        }
        if (used != proof.length) revert MerkleProofLengthWrong(proof.length, index, size);
    }

    /// @notice Root over all leaf hashes of a tree.
    /// @dev Overwrites `level`: each round pairs it from the left and carries an odd last node up.
    function rootOfAll(bytes32[] memory level) internal pure returns (bytes32) {
        if (level.length == 0) return EMPTY_ROOT;
        for (uint256 size = level.length; size > 1; size = (size + 1) >> 1) {
            for (uint256 i = 0; i + 1 < size; i += 2) level[i >> 1] = node(level[i], level[i + 1]);
            if (size & 1 == 1) level[size >> 1] = level[size - 1];
        }
        return level[0];
    }
}
