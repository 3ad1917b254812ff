// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {ISlasher, PenaltyConfig, SingleStatement} from "./interfaces/ISlasher.sol";
import {IStakeTable} from "./interfaces/IStakeTable.sol";
import {BLS} from "./libraries/BLS.sol";
import {Certificates} from "./libraries/Certificates.sol";
import {Committee, CommitteeCode} from "./libraries/CommitteeCode.sol";
import {CommitteeRecord} from "./types/Committee.sol";
import {Domain} from "./types/Domain.sol";
import {Message, PairEvidence, Statement} from "./types/Evidence.sol";

/// @title Slasher
/// @notice See `ISlasher`.
///
/// TRUST. No roles and no discretion: evidence alone decides. The stake table obeys this contract, and holds the stake.
///
/// SIGNATURES. A key's possession was proven at registration, so the sum of its signatures over two distinct messages, or
/// the sum of many keys' signatures over one message, cannot be made without every one of them.
contract Slasher is ISlasher {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    /// @dev A slash that waits for `settle`, or that was settled.
    struct Record {
        uint40 slashedAt;
        uint64 maxPenalty;
    }

    uint256 private constant WAD = 1e18;
    uint256 private constant MIN_PENALTY_LIMIT = 0.1e18;
    /// @dev A third of the stake together loses everything.
    uint256 private constant CORRELATION = 3;
    uint256 private constant SIGNERS_MAX = 32;

    IStakeTable private immutable STAKE_TABLE;
    /// @inheritdoc ISlasher
    bytes32 public immutable salt;
    uint256 private immutable ESCROW;
    uint256 private immutable MIN_PENALTY;
    uint256 private immutable LAUNCH_PENALTY;
    uint256 private immutable RAMP_START;
    uint256 private immutable RAMP_DURATION;

    /// @dev Sum of all fractions up to a time.
    Checkpoints.Trace208 private _fractions;
    mapping(uint32 id => Record) private _records;

    /// @param genesisHash Hash of the cluster's genesis header: the salt of every signature.
    constructor(IStakeTable stakeTable_, bytes32 genesisHash, PenaltyConfig memory config) {
        if (stakeTable_.slasher() != address(this)) revert SlasherConfigInvalid("stakeTable");
        if (config.minPenalty > MIN_PENALTY_LIMIT) revert SlasherConfigInvalid("minPenalty");
        if (config.launchPenalty < config.minPenalty || config.launchPenalty > WAD) {
            revert SlasherConfigInvalid("launchPenalty");
        }
        if (config.rampDuration == 0) revert SlasherConfigInvalid("rampDuration");

        STAKE_TABLE = stakeTable_;
        salt = genesisHash;
        ESCROW = stakeTable_.escrow();
        MIN_PENALTY = config.minPenalty;
        LAUNCH_PENALTY = config.launchPenalty;
        RAMP_START = block.timestamp;
        RAMP_DURATION = config.rampDuration;
    }

    /* SLASHING */

    /// @inheritdoc ISlasher
    function slash(PairEvidence calldata evidence) external returns (uint32 id) {
        bytes32[8] memory key = evidence.key;
        bytes32 keyHash = BLS.keyHash(key);

        id = _liable(keyHash);
        _checkConflict(evidence.first, evidence.second);
        if (!BLS.verifyPair(key, _digest(evidence.first), _digest(evidence.second), evidence.signature)) {
            revert SlasherSignatureInvalid();
        }

        _slash(id, keyHash);
    }

    /// @inheritdoc ISlasher
    function slashSigners(
        Statement calldata first,
        Statement calldata second,
        uint8[] calldata inFirst,
        uint8[] calldata inSecond
    ) external returns (uint256 slashed) {
        if (inFirst.length != inSecond.length) revert SlasherSignersMismatch(inFirst.length, inSecond.length);
        if (inFirst.length > SIGNERS_MAX) revert SlasherSignersTooMany(inFirst.length, SIGNERS_MAX);
        _checkConflict(first.message, second.message);
        (Committee memory one, uint256 absentFromOne) = _verify(first);
        (Committee memory two, uint256 absentFromTwo) = _verify(second);

        for (uint256 i = 0; i < inFirst.length; ++i) {
            (uint32 id, bytes32 keyHash) = _signer(first.committee, one, absentFromOne, inFirst[i]);
            (uint32 other, bytes32 otherHash) = _signer(second.committee, two, absentFromTwo, inSecond[i]);
            if (id != other) revert SlasherSignersDiffer(id, other);
            // Skipped, not refused: nobody can spoil a call by slashing one of its validators first.
            if (STAKE_TABLE.slashedAt(id) != 0 || !_isLiable(keyHash) || !_isLiable(otherHash)) continue;
            _slash(id, keyHash);
            ++slashed;
        }
        if (slashed == 0) revert SlasherNobodySlashed();
    }

    /// @inheritdoc ISlasher
    function slashSigner(
        Statement calldata statement,
        uint8 index,
        SingleStatement calldata single
    ) external returns (uint32 id) {
        bytes32[8] memory key = single.key;
        bytes32 keyHash = BLS.keyHash(key);

        id = _liable(keyHash);
        _checkConflict(statement.message, single.message);
        (Committee memory committee, uint256 absentees) = _verify(statement);
        (uint32 member, bytes32 memberHash) = _signer(statement.committee, committee, absentees, index);
        if (member != id) revert SlasherSignersDiffer(member, id);
        if (memberHash != keyHash && !_isLiable(memberHash)) revert SlasherKeyNotLiable(memberHash, id);
        if (!BLS.verify(key, _digest(single.message), single.signature)) revert SlasherSignatureInvalid();

        _slash(id, keyHash);
    }

    /// @inheritdoc ISlasher
    function settle(uint32 id) external returns (uint256 penalty) {
        Record memory record = _records[id];
        if (record.slashedAt == 0) revert SlasherNotSlashed(id);
        uint256 last = record.slashedAt + ESCROW;
        if (block.timestamp <= last) revert SlasherSettlementTooEarly(id, block.timestamp, last + 1);

        uint256 sum = correlated(_windowStart(record.slashedAt), last);
        penalty = _penaltyOf(sum, record.maxPenalty);

        emit Settled(id, sum, penalty);

        STAKE_TABLE.settle(id, penalty);
    }

    /* VIEWS */

    /// @inheritdoc ISlasher
    function stakeTable() external view returns (address) {
        return address(STAKE_TABLE);
    }

    /// @inheritdoc ISlasher
    function domainSeparator() public view returns (bytes32) {
        return Domain.separator(block.chainid, address(STAKE_TABLE), salt);
    }

    /// @inheritdoc ISlasher
    function penalties() external view returns (PenaltyConfig memory) {
        return PenaltyConfig(uint64(MIN_PENALTY), uint64(LAUNCH_PENALTY), uint40(RAMP_DURATION));
    }

    /// @inheritdoc ISlasher
    function maxPenalty() public view returns (uint256) {
        uint256 elapsed = Math.min(block.timestamp - RAMP_START, RAMP_DURATION);
        return LAUNCH_PENALTY + ((WAD - LAUNCH_PENALTY) * elapsed) / RAMP_DURATION;
    }

    /// @inheritdoc ISlasher
    function correlated(uint256 from, uint256 to) public view returns (uint256) {
        uint256 before = from == 0 ? 0 : _fractions.upperLookup((from - 1).toUint48());
        return _fractions.upperLookup(to.toUint48()) - before;
    }

    /// @inheritdoc ISlasher
    function settleableAt(uint32 id) external view returns (uint256) {
        Record memory record = _records[id];
        if (record.slashedAt == 0) revert SlasherNotSlashed(id);
        return record.slashedAt + ESCROW + 1;
    }

    /* EVIDENCE, INTERNAL */

    /// @dev Two messages that conflict are distinct, so a sum of signatures over both proves both.
    function _checkConflict(Message calldata first, Message calldata second) private pure {
        if (!first.conflicts(second)) revert SlasherMessagesHonest();
    }

    function _digest(Message calldata message) private view returns (bytes32) {
        return Domain.digest(domainSeparator(), message.hash());
    }

    /// @dev The validator of a key that can be slashed for what it signed.
    function _liable(bytes32 keyHash) private view returns (uint32 id) {
        bool isLiable;
        (id, isLiable) = STAKE_TABLE.liability(keyHash);
        if (id == 0) revert SlasherKeyUnknown(keyHash);
        if (!isLiable) revert SlasherKeyNotLiable(keyHash, id);
        uint40 slashedAt = STAKE_TABLE.slashedAt(id);
        if (slashedAt != 0) revert SlasherAlreadySlashed(id, slashedAt);
    }

    function _isLiable(bytes32 keyHash) private view returns (bool isLiable) {
        (, isLiable) = STAKE_TABLE.liability(keyHash);
    }

    /// @dev Reverts unless every member that the bitmap does not name as absent signed the message. Weight does not matter.
    function _verify(
        Statement calldata statement
    ) private view returns (Committee memory committee, uint256 absentees) {
        CommitteeRecord memory record = STAKE_TABLE.committee(statement.committee);
        if (!record.exists()) revert SlasherCommitteeUnknown(statement.committee);
        committee = CommitteeCode.load(address(STAKE_TABLE), record.nonce);
        absentees = Certificates.absentMembers(committee, statement.absent);
        // Everybody absent leaves the identity, which verifies nothing.
        if (!BLS.verify(committee.keyWithout(absentees), _digest(statement.message), statement.signature)) {
            revert SlasherSignatureInvalid();
        }
    }

    function _signer(
        uint64 number,
        Committee memory committee,
        uint256 absentees,
        uint8 index
    ) private view returns (uint32 id, bytes32 keyHash) {
        if (index >= committee.size || (absentees >> index) & 1 == 1) revert SlasherSignerAbsent(number, index);
        bytes32[8] memory key;
        id = committee.loadKey(index, key);
        BLS.g2Negate(key); // Pages hold keys negated.
        keyHash = BLS.keyHash(key);
    }

    /* PENALTY, INTERNAL */

    function _slash(uint32 id, bytes32 keyHash) private {
        (uint256 stake, uint256 left, uint256 total, uint256 selfStake) = STAKE_TABLE.slash(id);
        uint256 fraction = stake + left >= total ? WAD : Math.mulDiv(stake + left, WAD, total, Math.Rounding.Ceil);
        uint256 most = maxPenalty();

        _fractions.push(uint48(block.timestamp), (_fractions.latest() + fraction).toUint208());
        _records[id] = Record({slashedAt: uint40(block.timestamp), maxPenalty: uint64(most)});

        emit Slashed(id, keyHash, msg.sender, fraction, most);

        // What is certain to be lost: later slashes can only add to the penalty. Half of it, so that slashing oneself
        // for the reward costs at least as much again.
        uint256 certain = _penaltyOf(correlated(_windowStart(block.timestamp), block.timestamp), most);
        uint256 reward = Math.mulDiv(selfStake, certain, WAD) / 2;
        if (reward != 0) STAKE_TABLE.rewardReporter(id, msg.sender, reward);
    }

    /// @dev p = min(pMax, max(p0, 3F)).
    function _penaltyOf(uint256 sum, uint256 most) private view returns (uint256) {
        return Math.min(most, Math.max(MIN_PENALTY, CORRELATION * sum));
    }

    function _windowStart(uint256 time) private view returns (uint256) {
        return Math.saturatingSub(time, ESCROW);
    }
}
