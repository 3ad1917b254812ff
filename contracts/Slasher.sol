// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ISlasher, PenaltyConfig, SingleStatement} from "./interfaces/ISlasher.sol";
import {IStakeTable} from "./interfaces/IStakeTable.sol";
import {BLS} from "./libraries/BLS.sol";
import {Certificates} from "./libraries/Certificates.sol";
import {Committee, CommitteeCode} from "./libraries/CommitteeCode.sol";
import {FaultHistory} from "./libraries/FaultHistory.sol";
import {CommitteeRecord} from "./types/Committee.sol";
import {Domain} from "./types/Domain.sol";
import {Message, PairEvidence, Statement} from "./types/Evidence.sol";

/// @title Slasher
/// @notice Verifies evidence and decides what a fault costs. See `ISlasher` for the faults and the penalty.
///
/// TRUST. Immutable, without owner or role: the only input is evidence. It holds no tokens.
///
/// SIGNATURES. Every key was proven, so the sum of two signatures of one key over two distinct messages, and the sum of
/// the signatures of several keys over one message, can only be made with all of them. Committee code adds up such keys.
///
/// LOOPS. Over at most 32 signers.
contract Slasher is ISlasher {
    /* CONSTANTS */

    uint256 private constant WAD = 1e18;
    uint256 private constant SIGNERS_MAX = 32;
    uint256 private constant MIN_PENALTY_MAX = 0.1e18;
    /// @dev The penalty is this many times the part of the stake that faulted: a third of it loses everything.
    uint256 private constant CORRELATION = 3;

    /* IMMUTABLES */

    IStakeTable private immutable STAKE_TABLE;
    bytes32 private immutable SALT;
    uint256 private immutable CHAIN_ID;
    bytes32 private immutable DOMAIN_SEPARATOR;
    uint256 private immutable ESCROW;
    uint256 private immutable LAUNCHED_AT;
    uint64 private immutable MIN_PENALTY;
    uint64 private immutable LAUNCH_PENALTY;
    uint40 private immutable RAMP_DURATION;

    /* STORAGE */

    FaultHistory private _faults;

    /* CONSTRUCTOR */

    constructor(IStakeTable stakeTable_, bytes32 salt_, PenaltyConfig memory config) {
        if (stakeTable_.slasher() != address(this)) revert SlasherConfigInvalid("stakeTable");
        if (salt_ == 0) revert SlasherConfigInvalid("salt");
        if (config.minPenalty > MIN_PENALTY_MAX) revert SlasherConfigInvalid("minPenalty");
        if (config.launchPenalty < config.minPenalty || config.launchPenalty > WAD) {
            revert SlasherConfigInvalid("launchPenalty");
        }
        STAKE_TABLE = stakeTable_;
        SALT = salt_;
        CHAIN_ID = block.chainid;
        DOMAIN_SEPARATOR = Domain.separator(block.chainid, address(stakeTable_), salt_);
        ESCROW = stakeTable_.escrow();
        LAUNCHED_AT = block.timestamp;
        MIN_PENALTY = config.minPenalty;
        LAUNCH_PENALTY = config.launchPenalty;
        RAMP_DURATION = config.rampDuration;
    }

    /* SLASHING */

    /// @inheritdoc ISlasher
    function slash(PairEvidence calldata evidence) external returns (uint32 id) {
        Message memory first = evidence.first;
        Message memory second = evidence.second;
        _requireConflict(first, second);
        bytes32[8] memory key = evidence.key;
        bytes32 keyHash = BLS.keyHash(key);
        id = _requireLiable(keyHash);
        // Messages that conflict are distinct, so their digests are.
        bytes32 domain = domainSeparator();
        bytes32 digest = Domain.digest(domain, first.hash());
        if (!BLS.verifyPair(key, digest, Domain.digest(domain, second.hash()), evidence.signature)) {
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
        if (inFirst.length > SIGNERS_MAX) revert SlasherSignersTooMany(inFirst.length, SIGNERS_MAX);
        if (inFirst.length != inSecond.length) revert SlasherSignersMismatch(inFirst.length, inSecond.length);
        _requireConflict(first.message, second.message);
        (Committee memory a, uint256 absentA) = _verify(first);
        (Committee memory b, uint256 absentB) = _verify(second);

        for (uint256 i = 0; i < inFirst.length; ++i) {
            (uint32 id, bytes32 keyHash) = _signer(a, absentA, first.committee, inFirst[i]);
            (uint32 other, bytes32 otherHash) = _signer(b, absentB, second.committee, inSecond[i]);
            if (id != other) revert SlasherSignersDiffer(id, other);
            (, bool liable, uint40 slashedAt) = STAKE_TABLE.liability(keyHash);
            if (!liable || slashedAt != 0 || !_isLiable(otherHash)) continue;
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
        _requireConflict(statement.message, single.message);
        bytes32 keyHash = BLS.keyHash(single.key);
        id = _requireLiable(keyHash);
        if (!BLS.verify(single.key, _digest(single.message), single.signature)) revert SlasherSignatureInvalid();
        (Committee memory committee, uint256 absent) = _verify(statement);
        (uint32 other, bytes32 otherHash) = _signer(committee, absent, statement.committee, index);
        if (id != other) revert SlasherSignersDiffer(id, other);
        if (!_isLiable(otherHash)) revert SlasherKeyNotLiable(otherHash, other);

        _slash(id, keyHash);
    }

    /// @inheritdoc ISlasher
    function settle(uint32 id) external returns (uint256 penalty) {
        uint256 slashedAt = STAKE_TABLE.slashedAt(id);
        if (slashedAt == 0) revert SlasherNotSlashed(id);
        uint256 due = settleableAt(id);
        if (block.timestamp < due) revert SlasherSettlementTooEarly(id, block.timestamp, due);

        // No more records can join this span: it has passed.
        uint256 sum = correlated(slashedAt - ESCROW, slashedAt + ESCROW);
        penalty = _penalty(sum, _maxPenaltyAt(slashedAt));
        emit Settled(id, sum, penalty);

        STAKE_TABLE.settle(id, penalty);
    }

    /* VIEWS */

    /// @inheritdoc ISlasher
    function stakeTable() external view returns (address) {
        return address(STAKE_TABLE);
    }

    /// @inheritdoc ISlasher
    function salt() external view returns (bytes32) {
        return SALT;
    }

    /// @inheritdoc ISlasher
    function domainSeparator() public view returns (bytes32) {
        // Computed anew on a chain that forked off under another id, as the light client does.
        return
            block.chainid == CHAIN_ID ? DOMAIN_SEPARATOR : Domain.separator(block.chainid, address(STAKE_TABLE), SALT);
    }

    /// @inheritdoc ISlasher
    function penalties() external view returns (PenaltyConfig memory) {
        return PenaltyConfig(MIN_PENALTY, LAUNCH_PENALTY, RAMP_DURATION);
    }

    /// @inheritdoc ISlasher
    function maxPenalty() public view returns (uint256) {
        return _maxPenaltyAt(block.timestamp);
    }

    /// @inheritdoc ISlasher
    function correlated(uint256 from, uint256 to) public view returns (uint256) {
        return _faults.upTo(to) - (from == 0 ? 0 : _faults.upTo(from - 1));
    }

    /// @inheritdoc ISlasher
    function settleableAt(uint32 id) public view returns (uint256) {
        return uint256(STAKE_TABLE.slashedAt(id)) + ESCROW + 1;
    }

    /* EVIDENCE, INTERNAL */

    function _requireConflict(Message memory first, Message memory second) private pure {
        if (!first.conflicts(second)) revert SlasherMessagesHonest();
    }

    function _digest(Message memory message) private view returns (bytes32) {
        return Domain.digest(domainSeparator(), message.hash());
    }

    /// @dev The committee of a statement and its absent members, after its signature was verified. It need not be a quorum:
    /// every member that signed is bound by its own signature.
    function _verify(Statement calldata statement) private view returns (Committee memory committee, uint256 absent) {
        CommitteeRecord memory record = STAKE_TABLE.committee(statement.committee);
        if (!record.exists()) revert SlasherCommitteeUnknown(statement.committee);
        committee = CommitteeCode.load(address(STAKE_TABLE), record.nonce);
        absent = Certificates.absentMembers(committee, statement.absent);
        if (!BLS.verify(committee.keyWithout(absent), _digest(statement.message), statement.signature)) {
            revert SlasherSignatureInvalid();
        }
    }

    /// @dev Validator and key of a member that signed.
    function _signer(
        Committee memory committee,
        uint256 absent,
        uint64 number,
        uint256 index
    ) private view returns (uint32 id, bytes32 keyHash) {
        if (index >= committee.size || (absent >> index) & 1 != 0) revert SlasherSignerAbsent(number, index);
        bytes32[8] memory key;
        id = committee.loadKey(index, key);
        BLS.g2Negate(key); // Pages hold keys negated.
        keyHash = BLS.keyHash(key);
    }

    function _requireLiable(bytes32 keyHash) private view returns (uint32 id) {
        bool liable;
        uint40 slashedAt;
        (id, liable, slashedAt) = STAKE_TABLE.liability(keyHash);
        if (id == 0) revert SlasherKeyUnknown(keyHash);
        if (!liable) revert SlasherKeyNotLiable(keyHash, id);
        if (slashedAt != 0) revert SlasherAlreadySlashed(id, slashedAt);
    }

    function _isLiable(bytes32 keyHash) private view returns (bool liable) {
        (, liable, ) = STAKE_TABLE.liability(keyHash);
    }

    /* PENALTY, INTERNAL */

    /// @dev Tombstones, records the fraction, and pays the reporter half of what the self-stake loses whatever comes.
    function _slash(uint32 id, bytes32 keyHash) private {
        (uint256 stake, uint256 left, uint256 total, uint256 selfStake) = STAKE_TABLE.slash(id);
        uint256 fraction = _fraction(stake + left, total);
        uint256 ceiling = maxPenalty();
        uint256 sum = _faults.add(fraction);

        emit Slashed(id, keyHash, msg.sender, fraction, ceiling);

        uint256 certain = _penalty(sum - _faults.upTo(block.timestamp - ESCROW - 1), ceiling);
        STAKE_TABLE.rewardReporter(id, msg.sender, (selfStake * certain) / (2 * WAD));
    }

    /// @dev Rounded up, at most one.
    function _fraction(uint256 part, uint256 total) private pure returns (uint256) {
        return part >= total ? WAD : Math.ceilDiv(part * WAD, total);
    }

    /// @dev pMax counts as of the slash: a settlement later is no dearer.
    function _maxPenaltyAt(uint256 time) private view returns (uint256) {
        uint256 elapsed = time - LAUNCHED_AT;
        if (elapsed >= RAMP_DURATION) return WAD;
        return LAUNCH_PENALTY + ((WAD - LAUNCH_PENALTY) * elapsed) / RAMP_DURATION;
    }

    function _penalty(uint256 sum, uint256 ceiling) private view returns (uint256) {
        return Math.min(ceiling, Math.max(MIN_PENALTY, CORRELATION * sum));
    }
}
