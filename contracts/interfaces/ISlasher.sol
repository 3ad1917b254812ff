// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Message, PairEvidence, Statement} from "../types/Evidence.sol";

/// @notice A message with one validator's own signature.
/// @param key Public key: a point of G2 as EIP-2537 encodes it, 256 bytes.
/// @param message What was signed.
/// @param signature The key's signature.
struct SingleStatement {
    bytes32[8] key;
    Message message;
    bytes32[4] signature;
}

/// @notice Immutable penalty factors. 1e18 = the whole stake.
/// @param minPenalty p0: least penalty of a fault, at most a tenth.
/// @param launchPenalty pMax at deployment.
/// @param rampDuration Time in which pMax rises linearly from `launchPenalty` to all, seconds.
struct PenaltyConfig {
    uint64 minPenalty;
    uint64 launchPenalty;
    uint40 rampDuration;
}

/// @title ISlasher
/// @notice Verifies evidence of the attributable faults and decides what they cost.
///
/// FAULTS, in one (epoch, view) under one salt: S1 two `notarize` for different blocks, S2 two `finalize` for different
/// blocks, S3 `nullify` and `finalize`, S4 `notarize` of one block and `finalize` of another; S5 two different `Resume` of
/// one epoch. Nothing else is slashable: two finalizations of different views never slash, they freeze the light client.
///
/// EVIDENCE is accepted against a key while it is its validator's current key, and for U after `rotateKey` or `exit` took
/// it out, whatever the epoch. A validator is slashed at most once.
///
/// PENALTY. A slash records f = min(1, (pool + what left it lately) / stake of the newest committee). After U,
/// p = min(pMax, max(p0, 3F)), F = sum of all records within U of the slash, before and after, its own included.
interface ISlasher {
    /* EVENTS */

    /// @notice The messages are in the transaction's input.
    /// @param fraction f of this slash, 1e18 = 1.
    /// @param maxPenalty pMax at this moment.
    event Slashed(
        uint32 indexed id,
        bytes32 indexed keyHash,
        address indexed reporter,
        uint256 fraction,
        uint256 maxPenalty
    );

    event Settled(uint32 indexed id, uint256 correlated, uint256 penalty);

    /* ERRORS */

    error SlasherConfigInvalid(bytes32 field);
    error SlasherMessagesHonest();
    error SlasherSignatureInvalid();
    error SlasherKeyUnknown(bytes32 keyHash);
    error SlasherKeyNotLiable(bytes32 keyHash, uint32 id);
    error SlasherAlreadySlashed(uint32 id, uint40 slashedAt);
    error SlasherSignersTooMany(uint256 given, uint256 limit);
    error SlasherSignersMismatch(uint256 first, uint256 second);
    error SlasherSignerAbsent(uint64 committee, uint256 index);
    error SlasherSignersDiffer(uint32 first, uint32 second);
    error SlasherNobodySlashed();
    error SlasherCommitteeUnknown(uint64 committee);
    error SlasherSettlementTooEarly(uint32 id, uint256 time, uint256 required);
    error SlasherNotSlashed(uint32 id);

    /* SLASHING */

    /// @notice Slashes the validator of one key for a pair of messages under one aggregated signature.
    /// @return id The validator.
    function slash(PairEvidence calldata evidence) external returns (uint32 id);

    /// @notice Slashes members that signed both of two certificates (of any two committees). Validators that are tombstoned,
    /// or whose key is no longer liable, are skipped, so that nobody can spoil a call by slashing one of them first.
    /// Repeatable with the same evidence until all are done. The certificates need not reach a quorum.
    /// @param first One statement.
    /// @param second The other.
    /// @param inFirst Committee index of each signer in the first statement; at most 32.
    /// @param inSecond Committee index of the same signer in the second one.
    /// @return slashed How many validators were slashed.
    function slashSigners(
        Statement calldata first,
        Statement calldata second,
        uint8[] calldata inFirst,
        uint8[] calldata inSecond
    ) external returns (uint256 slashed);

    /// @notice Slashes a member of a certificate whose own statement conflicts with it.
    /// @param statement The certificate; it need not reach a quorum.
    /// @param index Committee index of the signer in it.
    /// @param single The signer's own statement.
    function slashSigner(
        Statement calldata statement,
        uint8 index,
        SingleStatement calldata single
    ) external returns (uint32 id);

    /// @notice Fixes the penalty of a slash and burns it. Permissionless, when now > slashedAt + U.
    function settle(uint32 id) external returns (uint256 penalty);

    /* VIEWS */

    function stakeTable() external view returns (address);
    function salt() external view returns (bytes32);
    /// @notice EIP-712 domain separator of all evidence.
    function domainSeparator() external view returns (bytes32);
    function penalties() external view returns (PenaltyConfig memory);
    /// @notice pMax now.
    function maxPenalty() external view returns (uint256);
    /// @notice Sum of the records in a closed span of time, 1e18 = 1.
    function correlated(uint256 from, uint256 to) external view returns (uint256);
    /// @notice Earliest time at which `settle(id)` succeeds.
    function settleableAt(uint32 id) external view returns (uint256);
}
