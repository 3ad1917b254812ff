// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Domain
/// @notice The two EIP-712 domains of the protocol. Votes and resumes use the salted one, whose salt is the genesis
/// hash: a cluster that is relaunched on the same stake can never turn old votes into evidence. Registrations use the
/// one without salt, since a key is registered with the stake table and not with a cluster.
library Domain {
    bytes32 internal constant SALTED_TYPE_HASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    );
    bytes32 internal constant UNSALTED_TYPE_HASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 internal constant NAME_HASH = keccak256("Crema");
    bytes32 internal constant VERSION_HASH = keccak256("1");

    /// @notice Domain separator of everything that a committee signs.
    /// @param chainId Chain id of L1.
    /// @param stakeTable Address of the stake table.
    /// @param salt Genesis hash of the cluster.
    function separator(uint256 chainId, address stakeTable, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(abi.encode(SALTED_TYPE_HASH, NAME_HASH, VERSION_HASH, chainId, stakeTable, salt));
    }

    /// @notice Domain separator of `Register`.
    function registration(uint256 chainId, address stakeTable) internal pure returns (bytes32) {
        return keccak256(abi.encode(UNSALTED_TYPE_HASH, NAME_HASH, VERSION_HASH, chainId, stakeTable));
    }

    /// @notice The EIP-712 digest: what is hashed to the curve and signed.
    function digest(bytes32 domainSeparator, bytes32 structHash) internal pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }
}
