// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IConfirmationVerifier} from "./interfaces/IConfirmationVerifier.sol";
import {ILightClient} from "./interfaces/ILightClient.sol";
import {Confirmation} from "./libraries/Confirmation.sol";
import {AbsenceProof, BlockProof, BundlePart, NamespaceProof, TransactionProof} from "./types/Confirmation.sol";

/// @title ConfirmationVerifier
/// @notice See `IConfirmationVerifier`.
contract ConfirmationVerifier is IConfirmationVerifier {
    /// @inheritdoc IConfirmationVerifier
    ILightClient public immutable lightClient;

    constructor(ILightClient lightClient_) {
        lightClient = lightClient_;
        // Fails here, and not at the first proof, if the address is no light client.
        lightClient_.checkpointAt(lightClient_.LATEST_POSITION());
    }

    /// @inheritdoc IConfirmationVerifier
    function verifyBlock(BlockProof calldata blockProof) external view returns (bytes32 blockHash) {
        return Confirmation.checkBlock(lightClient, blockProof);
    }

    /// @inheritdoc IConfirmationVerifier
    function verifyNamespace(BlockProof calldata blockProof, NamespaceProof calldata namespaceProof) external view {
        Confirmation.checkBlock(lightClient, blockProof);
        Confirmation.checkNamespace(blockProof.header, namespaceProof);
    }

    /// @inheritdoc IConfirmationVerifier
    function verifyAbsence(BlockProof calldata blockProof, AbsenceProof calldata absenceProof) external view {
        Confirmation.checkBlock(lightClient, blockProof);
        Confirmation.checkAbsence(blockProof.header, absenceProof);
    }

    /// @inheritdoc IConfirmationVerifier
    function verifyTransaction(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof,
        TransactionProof calldata transactionProof
    ) external view {
        Confirmation.checkBlock(lightClient, blockProof);
        Confirmation.checkNamespace(blockProof.header, namespaceProof);
        Confirmation.checkTransaction(namespaceProof.entry, transactionProof);
    }

    /// @inheritdoc IConfirmationVerifier
    function verifyAllTransactions(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof,
        bytes[] calldata transactions
    ) external view {
        Confirmation.checkBlock(lightClient, blockProof);
        Confirmation.checkNamespace(blockProof.header, namespaceProof);
        Confirmation.checkAllTransactions(namespaceProof.entry, transactions);
    }

    /// @inheritdoc IConfirmationVerifier
    function verifyBundle(
        BlockProof calldata blockProof,
        BundlePart[] calldata parts
    ) external view returns (bytes32 bundleId) {
        Confirmation.checkBlock(lightClient, blockProof);
        return Confirmation.checkBundle(blockProof.header, parts);
    }
}
