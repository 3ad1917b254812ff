// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "./ILightClient.sol";
import {BlockProof, BundlePart, NamespaceProof, AbsenceProof, TransactionProof} from "../types/Confirmation.sol";

/// @title IConfirmationVerifier
/// @notice Answers on L1 what the sequencing layer confirmed. Every function returns normally iff the claim is proven
/// and reverts with the reason otherwise; none of them has state.
///
/// A rollup contract that wants no extra call uses `libraries/Confirmation.sol` directly.
///
/// TRUST. A proof shows that the block is finalized, not that the rollup's transactions are valid: the layer
/// orders bytes. Whether to accept proofs while the light client is not live is the caller's rule.
interface IConfirmationVerifier {
    /// @notice The light client whose checkpoints count.
    function lightClient() external view returns (ILightClient);

    /// @notice Proves that a header is finalized.
    /// @return blockHash Its block hash.
    function verifyBlock(BlockProof calldata blockProof) external view returns (bytes32 blockHash);

    /// @notice Proves that a finalized block has exactly this entry for its namespace.
    function verifyNamespace(BlockProof calldata blockProof, NamespaceProof calldata namespaceProof) external view;

    /// @notice Proves that a finalized block has nothing in a namespace.
    function verifyAbsence(BlockProof calldata blockProof, AbsenceProof calldata absenceProof) external view;

    /// @notice Proves that these envelope bytes stand at an index of a namespace in a finalized block.
    function verifyTransaction(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof,
        TransactionProof calldata transactionProof
    ) external view;

    /// @notice Proves that these are all the transactions that a finalized block has in a namespace, in order.
    /// @param transactions Envelope bytes.
    function verifyAllTransactions(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof,
        bytes[] calldata transactions
    ) external view;

    /// @notice Proves that all parts of a bundle stand in one finalized block.
    /// @param parts The parts in the order of their index: all of them.
    /// @return bundleId The bundle's id, recomputed from the parts.
    function verifyBundle(
        BlockProof calldata blockProof,
        BundlePart[] calldata parts
    ) external view returns (bytes32 bundleId);
}
