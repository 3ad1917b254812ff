// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "../interfaces/ILightClient.sol";
import {Confirmation} from "../libraries/Confirmation.sol";
import {BlockProof, NamespaceProof, TransactionProof} from "../types/Confirmation.sol";

/// @title ConfirmationHarness
/// @notice A rollup's contract as far as gas is concerned: uses the library, and tells what the proof alone took.
contract ConfirmationHarness {
    ILightClient public immutable lightClient;

    constructor(ILightClient lightClient_) {
        lightClient = lightClient_;
    }

    function namespaceGas(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof
    ) external view returns (uint256) {
        uint256 before = gasleft();
        Confirmation.checkBlock(lightClient, blockProof);
        Confirmation.checkNamespace(blockProof.header, namespaceProof);
        return before - gasleft();
    }

    function transactionGas(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof,
        TransactionProof calldata transactionProof
    ) external view returns (uint256) {
        uint256 before = gasleft();
        Confirmation.checkBlock(lightClient, blockProof);
        Confirmation.checkNamespace(blockProof.header, namespaceProof);
        Confirmation.checkTransaction(namespaceProof.entry, transactionProof);
        return before - gasleft();
    }
}
