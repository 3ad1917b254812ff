// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "../interfaces/ILightClient.sol";
import {AbsenceProof, BlockProof, BundlePart, NamespaceProof, TransactionProof} from "../types/Confirmation.sol";
import {Header} from "../types/Header.sol";
import {NamespaceEntry} from "../types/NamespaceEntry.sol";
import {Merkle} from "./Merkle.sol";

/// @title Confirmation
/// @notice What the sequencing layer confirmed, proven inside a rollup's own contract. Each function returns normally iff
/// its claim is proven. Start with `checkBlock`: all others say something about a header, and nothing about whether
/// that header is final.
///
/// SIZES come from what is committed to: a checkpoint's height for its history, the header's `namespaces` for the number
/// of entries, an entry's `txCount` for its transactions.
library Confirmation {
    /// @notice The light client has another checkpoint, or none, at this position.
    error ConfirmationUnknownCheckpoint(bytes32 given, uint256 position, bytes32 stored);
    /// @notice The checkpoint's history does not have the block at the header's height.
    error ConfirmationNotInHistory(bytes32 blockHash, bytes32 checkpoint);
    /// @notice The header does not commit to this entry.
    error ConfirmationNotInBlock(uint64 namespace, bytes32 given, bytes32 committed);
    /// @notice The entry does not stand on its side of the absent namespace.
    error ConfirmationNotAbsent(uint64 namespace, uint64 neighbour);
    error ConfirmationAbsenceOutOfBounds(uint64 next, uint64 size);
    /// @notice The entry does not commit to this transaction, or to these transactions.
    error ConfirmationNotInNamespace(uint64 namespace, bytes32 given, bytes32 committed);
    error ConfirmationTransactionCountWrong(uint256 given, uint64 committed);
    error ConfirmationBundleSizeOutOfBounds(uint256 given, uint256 least, uint256 most);
    /// @notice The envelope is not the part of this index of one bundle of this many parts.
    error ConfirmationNotBundlePart(uint256 index, uint256 count);
    error ConfirmationWrongBundle(bytes32 given, bytes32 computed);

    uint256 internal constant BUNDLE_PARTS_MIN = 2;
    uint256 internal constant BUNDLE_PARTS_MAX = 16;
    /// @dev Envelope of a part: tag, bundle id, index, count, data.
    bytes1 private constant PART_TAG = 0x01;
    uint256 private constant PART_OVERHEAD = 35;

    /// @notice The block is a checkpoint of the light client or in the history of one.
    /// @return blockHash Its block hash.
    function checkBlock(ILightClient lightClient, BlockProof calldata proof) internal view returns (bytes32 blockHash) {
        bytes32 checkpoint = proof.checkpoint.hash();
        bytes32 stored = lightClient.checkpointAt(proof.position);
        if (checkpoint != stored) revert ConfirmationUnknownCheckpoint(checkpoint, proof.position, stored);

        blockHash = proof.header.hash();
        if (blockHash == proof.checkpoint.blockHash) return blockHash;
        bytes32 leaf = Merkle.leaf(abi.encodePacked(blockHash));
        bytes32 root = Merkle.rootOf(leaf, proof.header.height, proof.checkpoint.height, proof.history);
        if (root != proof.checkpoint.history) {
            revert ConfirmationNotInHistory(blockHash, proof.checkpoint.blockHash);
        }
    }

    /// @notice The block has exactly this entry for its namespace: ids are strictly increasing, so there is no second.
    function checkNamespace(Header calldata header, NamespaceProof calldata proof) internal pure {
        _checkEntry(header, proof.entry, proof.index, proof.size, proof.proof);
    }

    /// @notice The block has nothing in the namespace.
    function checkAbsence(Header calldata header, AbsenceProof calldata proof) internal pure {
        if (proof.next > proof.size) revert ConfirmationAbsenceOutOfBounds(proof.next, proof.size);
        if (proof.size == 0) {
            bytes32 empty = Merkle.sized(0, Merkle.EMPTY_ROOT);
            if (empty != header.namespaces) {
                revert ConfirmationNotInBlock(proof.namespace, empty, header.namespaces);
            }
        }
        if (proof.next > 0) {
            if (proof.before.namespace >= proof.namespace) {
                revert ConfirmationNotAbsent(proof.namespace, proof.before.namespace);
            }
            _checkEntry(header, proof.before, proof.next - 1, proof.size, proof.beforeProof);
        }
        if (proof.next < proof.size) {
            if (proof.after_.namespace <= proof.namespace) {
                revert ConfirmationNotAbsent(proof.namespace, proof.after_.namespace);
            }
            _checkEntry(header, proof.after_, proof.next, proof.size, proof.afterProof);
        }
    }

    /// @notice The namespace's share has these envelope bytes at this index.
    function checkTransaction(NamespaceEntry calldata entry, TransactionProof calldata proof) internal pure {
        bytes32 root = Merkle.rootOf(Merkle.leaf(proof.envelope), proof.index, entry.txCount, proof.proof);
        if (root != entry.txRoot) revert ConfirmationNotInNamespace(entry.namespace, root, entry.txRoot);
    }

    /// @notice These are all transactions of the namespace's share, in order.
    function checkAllTransactions(NamespaceEntry calldata entry, bytes[] calldata transactions) internal pure {
        if (transactions.length != entry.txCount) {
            revert ConfirmationTransactionCountWrong(transactions.length, entry.txCount);
        }
        bytes32[] memory leaves = new bytes32[](transactions.length);
        for (uint256 i = 0; i < transactions.length; ++i) leaves[i] = Merkle.leaf(transactions[i]);
        bytes32 root = Merkle.rootOfAll(leaves);
        if (root != entry.txRoot) revert ConfirmationNotInNamespace(entry.namespace, root, entry.txRoot);
    }

    /// @notice All parts of one bundle stand in the block, each in its own namespace.
    /// @param parts In the order of their index: all of them.
    /// @return bundleId keccak256 over (uint64 namespace, keccak256 of the data) of all parts.
    function checkBundle(Header calldata header, BundlePart[] calldata parts) internal pure returns (bytes32 bundleId) {
        uint256 count = parts.length;
        if (count < BUNDLE_PARTS_MIN || count > BUNDLE_PARTS_MAX) {
            revert ConfirmationBundleSizeOutOfBounds(count, BUNDLE_PARTS_MIN, BUNDLE_PARTS_MAX);
        }
        bytes memory list;
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata envelope = parts[i].transaction.envelope;
            if (
                envelope.length < PART_OVERHEAD ||
                envelope[0] != PART_TAG ||
                uint8(envelope[33]) != i ||
                uint8(envelope[34]) != count
            ) revert ConfirmationNotBundlePart(i, count);
            NamespaceEntry calldata entry = parts[i].namespace.entry;
            list = bytes.concat(list, abi.encodePacked(entry.namespace, keccak256(envelope[PART_OVERHEAD:])));
        }
        bundleId = keccak256(list);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 given = bytes32(parts[i].transaction.envelope[1:33]);
            if (given != bundleId) revert ConfirmationWrongBundle(given, bundleId);
            checkNamespace(header, parts[i].namespace);
            checkTransaction(parts[i].namespace.entry, parts[i].transaction);
        }
    }

    function _checkEntry(
        Header calldata header,
        NamespaceEntry calldata entry,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) private pure {
        bytes32 given = Merkle.sized(size, Merkle.rootOf(entry.leaf(), index, size, proof));
        if (given != header.namespaces) revert ConfirmationNotInBlock(entry.namespace, given, header.namespaces);
    }
}
