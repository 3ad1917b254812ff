// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "../interfaces/ILightClient.sol";
import {AbsenceProof, BlockProof, BundlePart, NamespaceProof, TransactionProof} from "../types/Confirmation.sol";
import {Header} from "../types/Header.sol";
import {NamespaceEntry} from "../types/NamespaceEntry.sol";
import {Merkle} from "./Merkle.sol";

/// @title Confirmation
/// @notice What the sequencing layer confirmed, proven step by step: a block at a checkpoint of the light client, a
/// namespace in the block, a transaction in the namespace. For contracts that verify without a further call;
/// `ConfirmationVerifier` is the same as a deployable.
///
/// Every function returns normally iff the claim is proven. Sizes come from what is committed: the height of the
/// checkpoint, the sized root of the namespaces, the entry's `txCount`.
library Confirmation {
    /// @notice First byte of an envelope that is part of a bundle.
    bytes1 internal constant PART = 0x01;
    /// @notice Bytes before the data of such an envelope: tag, bundle id, index, count.
    uint256 internal constant PART_HEADER_LENGTH = 35;
    uint256 internal constant BUNDLE_PARTS_MIN = 2;
    uint256 internal constant BUNDLE_PARTS_MAX = 16;

    error ConfirmationNotACheckpoint(uint64 height, uint256 position);
    error ConfirmationNotInHistory(uint64 height, bytes32 computed, bytes32 history);
    error ConfirmationNotTheCheckpoint(bytes32 given, bytes32 checkpoint);
    error ConfirmationNotInBlock(uint64 namespace, bytes32 computed, bytes32 namespaces);
    error ConfirmationNotAbsent(uint64 namespace, uint64 before, uint64 next);
    error ConfirmationIndexOutOfBounds(uint64 index, uint64 size);
    error ConfirmationNotInNamespace(uint64 namespace, bytes32 computed, bytes32 txRoot);
    error ConfirmationNotAllTransactions(uint64 namespace, uint256 given, uint64 txCount);
    error ConfirmationBundleSizeWrong(uint256 parts);
    error ConfirmationNotABundlePart(uint256 index, bytes32 bundleId);

    /// @notice LC-15: the block is a checkpoint, or in the history of one.
    /// @return blockHash Its block hash.
    function verifyBlock(
        ILightClient lightClient,
        BlockProof calldata blockProof
    ) internal view returns (bytes32 blockHash) {
        if (!lightClient.isCheckpoint(blockProof.checkpoint, blockProof.position)) {
            revert ConfirmationNotACheckpoint(blockProof.checkpoint.height, blockProof.position);
        }
        blockHash = blockProof.header.hash();
        uint64 height = blockProof.header.height;
        if (height == blockProof.checkpoint.height) {
            if (blockHash != blockProof.checkpoint.blockHash) {
                revert ConfirmationNotTheCheckpoint(blockHash, blockProof.checkpoint.blockHash);
            }
            return blockHash;
        }
        bytes32 root = Merkle.rootOf(
            Merkle.leaf(abi.encodePacked(blockHash)),
            height,
            blockProof.checkpoint.height,
            blockProof.history
        );
        if (root != blockProof.checkpoint.history) {
            revert ConfirmationNotInHistory(height, root, blockProof.checkpoint.history);
        }
    }

    /// @notice LC-16: a block whose header commits to `namespaces` has exactly this entry for its namespace.
    function verifyNamespace(bytes32 namespaces, NamespaceProof calldata self) internal pure {
        _verifyEntry(namespaces, self.entry, self.index, self.size, self.proof);
    }

    /// @notice LC-17: such a block has nothing in a namespace. Its entries are sorted, so two neighbours around the
    /// place where the namespace would stand prove it; so do the first or the last entry, and so does a size of zero.
    function verifyAbsence(bytes32 namespaces, AbsenceProof calldata self) internal pure {
        if (self.size == 0) {
            bytes32 empty = Merkle.sized(0, Merkle.EMPTY_ROOT);
            if (empty != namespaces) revert ConfirmationNotInBlock(self.namespace, empty, namespaces);
            return;
        }
        if (self.next > self.size) revert ConfirmationIndexOutOfBounds(self.next, self.size);
        bool isAfterWrong = self.next < self.size && self.after_.namespace <= self.namespace;
        bool isBeforeWrong = self.next > 0 && self.before.namespace >= self.namespace;
        if (isAfterWrong || isBeforeWrong) {
            revert ConfirmationNotAbsent(self.namespace, self.before.namespace, self.after_.namespace);
        }
        if (self.next > 0) _verifyEntry(namespaces, self.before, self.next - 1, self.size, self.beforeProof);
        if (self.next < self.size) _verifyEntry(namespaces, self.after_, self.next, self.size, self.afterProof);
    }

    /// @notice LC-16: these envelope bytes stand at an index of the entry.
    function verifyTransaction(NamespaceEntry calldata entry, TransactionProof calldata self) internal pure {
        bytes32 root = Merkle.rootOf(Merkle.leaf(self.envelope), self.index, entry.txCount, self.proof);
        if (root != entry.txRoot) revert ConfirmationNotInNamespace(entry.namespace, root, entry.txRoot);
    }

    /// @notice LC-17: these are all transactions of the entry, in order.
    function verifyAllTransactions(NamespaceEntry calldata entry, bytes[] calldata transactions) internal pure {
        if (transactions.length != entry.txCount) {
            revert ConfirmationNotAllTransactions(entry.namespace, transactions.length, entry.txCount);
        }
        bytes32[] memory leaves = new bytes32[](transactions.length);
        // Bounded by what the block committed to, checked above.
        for (uint256 i = 0; i < transactions.length; ++i) leaves[i] = Merkle.leaf(transactions[i]);
        bytes32 root = Merkle.rootOfAll(leaves);
        if (root != entry.txRoot) revert ConfirmationNotInNamespace(entry.namespace, root, entry.txRoot);
    }

    /// @notice LC-18: all parts of a bundle stand in one block, in the order of their index.
    /// @return bundleId keccak256 over the list of (uint64 namespace, keccak256(data)).
    function verifyBundle(bytes32 namespaces, BundlePart[] calldata parts) internal pure returns (bytes32 bundleId) {
        if (parts.length < BUNDLE_PARTS_MIN || parts.length > BUNDLE_PARTS_MAX) {
            revert ConfirmationBundleSizeWrong(parts.length);
        }
        bytes memory list;
        for (uint256 i = 0; i < parts.length; ++i) {
            BundlePart calldata part = parts[i];
            verifyNamespace(namespaces, part.namespace);
            verifyTransaction(part.namespace.entry, part.transaction);
            list = bytes.concat(
                list,
                bytes8(part.namespace.entry.namespace),
                keccak256(_partData(part.transaction.envelope, i))
            );
        }
        bundleId = keccak256(list);
        for (uint256 i = 0; i < parts.length; ++i)
            _verifyPart(parts[i].transaction.envelope, bundleId, i, parts.length);
    }

    function _partData(bytes calldata envelope, uint256 index) private pure returns (bytes calldata) {
        if (envelope.length < PART_HEADER_LENGTH) revert ConfirmationNotABundlePart(index, 0);
        return envelope[PART_HEADER_LENGTH:];
    }

    /// @dev The envelope's header is the one and only of this part of this bundle.
    function _verifyPart(bytes calldata envelope, bytes32 bundleId, uint256 index, uint256 count) private pure {
        bytes memory expected = bytes.concat(PART, bundleId, bytes1(uint8(index)), bytes1(uint8(count)));
        if (keccak256(envelope[:PART_HEADER_LENGTH]) != keccak256(expected)) {
            revert ConfirmationNotABundlePart(index, bundleId);
        }
    }

    function _verifyEntry(
        bytes32 namespaces,
        NamespaceEntry calldata entry,
        uint64 index,
        uint64 size,
        bytes32[] calldata proof
    ) private pure {
        bytes32 computed = Merkle.sized(size, Merkle.rootOf(entry.leaf(), index, size, proof));
        if (computed != namespaces) revert ConfirmationNotInBlock(entry.namespace, computed, namespaces);
    }
}
