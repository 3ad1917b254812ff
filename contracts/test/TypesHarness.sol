// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Checkpoint} from "../types/Checkpoint.sol";
import {CommitteeLib} from "../types/Committee.sol";
import {Domain} from "../types/Domain.sol";
import {Message} from "../types/Evidence.sol";
import {Header} from "../types/Header.sol";
import {NamespaceEntry} from "../types/NamespaceEntry.sol";
import {Register} from "../types/Register.sol";
import {Resume} from "../types/Resume.sol";
import {Finalize, Notarize, Nullify} from "../types/Vote.sol";
import {Merkle} from "../libraries/Merkle.sol";

/// @title TypesHarness
/// @notice Exposes every hash of the protocol, so that one set of vectors tests both languages.
contract TypesHarness {
    function hashHeader(Header calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashNotarize(Notarize calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashNullify(Nullify calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashFinalize(Finalize calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashResume(Resume calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashRegister(Register calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashCheckpoint(Checkpoint calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function hashMessage(Message calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function conflicts(Message calldata first, Message calldata second) external pure returns (bool) {
        return first.conflicts(second);
    }

    function namespaceLeaf(NamespaceEntry calldata value) external pure returns (bytes32) {
        return value.leaf();
    }

    function domainSeparator(uint256 chainId, address stakeTable, bytes32 salt) external pure returns (bytes32) {
        return Domain.separator(chainId, stakeTable, salt);
    }

    function registrationSeparator(uint256 chainId, address stakeTable) external pure returns (bytes32) {
        return Domain.registration(chainId, stakeTable);
    }

    function digest(bytes32 separator, bytes32 structHash) external pure returns (bytes32) {
        return Domain.digest(separator, structHash);
    }

    function quorum(uint256 totalWeight) external pure returns (uint256) {
        return CommitteeLib.quorum(totalWeight);
    }

    function merkleLeaf(bytes calldata data) external pure returns (bytes32) {
        return Merkle.leaf(data);
    }

    function merkleSized(uint64 size, bytes32 root) external pure returns (bytes32) {
        return Merkle.sized(size, root);
    }

    function merkleRootOf(
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) external pure returns (bytes32) {
        return Merkle.rootOf(leafHash, index, size, proof);
    }

    function merkleRootOfAll(bytes32[] calldata leafHashes) external pure returns (bytes32) {
        return Merkle.rootOfAll(leafHashes);
    }
}
