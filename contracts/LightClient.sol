// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {
    Finalization,
    ILightClient,
    LightClientParameters,
    LightClientStatus,
    PendingResume
} from "./interfaces/ILightClient.sol";
import {IStakeTable} from "./interfaces/IStakeTable.sol";
import {Certificates} from "./libraries/Certificates.sol";
import {ClientBounds} from "./libraries/ClientBounds.sol";
import {Committee, CommitteeCode} from "./libraries/CommitteeCode.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Certificate} from "./types/Certificate.sol";
import {Checkpoint} from "./types/Checkpoint.sol";
import {ClientState, Halt, SlashedSeats} from "./types/ClientState.sol";
import {CommitteeRecord} from "./types/Committee.sol";
import {Domain} from "./types/Domain.sol";
import {Header} from "./types/Header.sol";
import {Resume} from "./types/Resume.sol";
import {VoteLib} from "./types/Vote.sol";

/// @title LightClient
/// @notice See `ILightClient`.
///
/// STORAGE. The main path reads one slot and writes two: where the client stands, and the hash of the latest checkpoint.
///
/// TRUST is a time. It is zero for a committee that does not exist, that expired by slashed weight, or whose trust
/// was ended by a freeze or a resume. The state has it for the installed committee.
contract LightClient is ILightClient {
    /// @inheritdoc ILightClient
    uint256 public constant RING_SIZE = 64;
    /// @inheritdoc ILightClient
    uint256 public constant LATEST_POSITION = RING_SIZE;

    uint64 private constant RESUME_EPOCHS_MAX = 65_536;
    uint64 private constant FIRST_COMMITTEE = 1;

    /// @inheritdoc ILightClient
    IStakeTable public immutable stakeTable;
    /// @inheritdoc ILightClient
    bytes32 public immutable salt;
    /// @inheritdoc ILightClient
    uint64 public immutable epochLength;
    /// @inheritdoc ILightClient
    uint256 public immutable trustPeriod;
    /// @inheritdoc ILightClient
    uint256 public immutable l1Drift;
    /// @inheritdoc ILightClient
    uint256 public immutable ringInterval;
    /// @inheritdoc ILightClient
    uint256 public immutable resumeDelay;

    uint256 private immutable _chainId;
    bytes32 private immutable _domainSeparator;

    ClientState private _state;
    bytes32 private _latest;
    bytes32[RING_SIZE] private _ring;
    Halt private _halt;
    mapping(uint64 committee => SlashedSeats) private _slashed;
    mapping(uint64 epoch => bool) private _barred;
    PendingResume private _pending;

    /// @param genesisHash Hash of the cluster's genesis header: the salt of every signature, and the first checkpoint.
    constructor(IStakeTable stakeTable_, bytes32 genesisHash, LightClientParameters memory parameters) {
        uint256 trusted = ClientBounds.check(stakeTable_, genesisHash, parameters);

        stakeTable = stakeTable_;
        salt = genesisHash;
        epochLength = parameters.epochLength;
        trustPeriod = trusted;
        l1Drift = parameters.l1Drift;
        ringInterval = parameters.ringInterval;
        resumeDelay = parameters.resumeDelay;
        _chainId = block.chainid;
        _domainSeparator = Domain.separator(block.chainid, address(stakeTable_), genesisHash);

        _latest = Checkpoint({
            blockHash: genesisHash,
            history: Merkle.EMPTY_ROOT,
            height: 0,
            epoch: 0,
            viewNumber: 0,
            timestamp: 0,
            receivedAt: uint64(block.timestamp)
        }).hash();
        emit CheckpointAdvanced(0, genesisHash, 0, 0, 0);
    }

    /* THE MAIN PATH */

    /// @inheritdoc ILightClient
    function advance(Header memory header, Certificate calldata certificate) external {
        ClientState state = _state;
        uint64 viewNumber = certificate.viewNumber;
        if (state.committee() == 0) state = _installFirst(state);

        if (block.timestamp >= state.trustedUntil()) {
            if (_halt.frozen) revert LightClientFrozen();
            revert LightClientExpired(state.trustedUntil(), block.timestamp);
        }
        if (header.committee != state.committee())
            revert LightClientWrongCommittee(header.committee, state.committee());
        if (header.height <= state.height()) revert LightClientHeightNotIncreasing(header.height, state.height());
        if (header.epoch < state.epoch()) revert LightClientEpochNotIncreasing(header.epoch, state.epoch());
        if (header.epoch == state.epoch() && viewNumber <= state.viewNumber()) {
            revert LightClientViewNotIncreasing(viewNumber, state.viewNumber());
        }
        _checkHeader(header);
        bytes32 blockHash = header.hash();
        _checkFinalization(header, certificate, blockHash, state.code());

        if (header.nextCommittee != 0) state = _handOver(state, header);
        _store(state, header.epoch, viewNumber, _checkpointOf(header, blockHash, viewNumber));
    }

    /// @dev What a header must be on its own, whoever finalized it.
    function _checkHeader(Header memory header) private view {
        uint256 lastHeight = uint256(header.epoch) * epochLength;
        if (header.height > lastHeight) revert LightClientHeightBeyondEpoch(header.height, lastHeight);
        if ((header.height == lastHeight) != (header.nextCommittee != 0)) {
            revert LightClientHandoverMalformed(header.height, header.epoch, header.nextCommittee);
        }
        uint256 latestSeconds = block.timestamp + l1Drift;
        if (header.timestamp / 1000 > latestSeconds) {
            revert LightClientHeaderFromFuture(header.timestamp / 1000, latestSeconds);
        }
    }

    /// @dev Whether the certificate is a quorum's `finalize` of the block by the committee whose code has this nonce.
    function _checkFinalization(
        Header memory header,
        Certificate calldata certificate,
        bytes32 blockHash,
        uint24 code
    ) private view {
        uint64 viewNumber = certificate.viewNumber;
        // A handover may be proposed again, unchanged, in later views; every other block is finalized in its own.
        bool isViewRight =
            header.nextCommittee == 0 ? viewNumber == header.viewNumber : viewNumber >= header.viewNumber;
        if (!isViewRight) revert LightClientWrongView(viewNumber, header.viewNumber);
        _checkCertificate(certificate, VoteLib.hashFinalize(header.epoch, viewNumber, blockHash), code);
    }

    function _checkCertificate(Certificate calldata certificate, bytes32 structHash, uint24 code) private view {
        Certificates.verify(
            CommitteeCode.load(address(stakeTable), code),
            certificate.absent,
            certificate.signature,
            Domain.digest(domainSeparator(), structHash)
        );
    }

    /// @dev Installs the next committee, unless it is the same. Reverts unless it is the newest that the handover's anchor
    /// can see.
    function _handOver(ClientState state, Header memory header) private returns (ClientState) {
        uint64 next = header.nextCommittee;
        if (next < header.committee) revert LightClientNextCommitteeTooOld(next, header.committee);
        if (header.l1Number > block.number) revert LightClientAnchorFromFuture(header.l1Number, block.number);
        CommitteeRecord memory record = stakeTable.committee(next);
        if (!record.exists() || record.createdBlock > header.l1Number) {
            revert LightClientNextCommitteeNotCreated(next, record.createdBlock, header.l1Number);
        }
        CommitteeRecord memory newer = stakeTable.committee(next + 1);
        if (newer.exists() && newer.createdBlock <= header.l1Number) {
            revert LightClientNextCommitteeNotNewest(next, next + 1, header.l1Number);
        }
        return next == header.committee ? state : _install(state, next, record, header.epoch + 1);
    }

    /// @dev The genesis names committee 1; it is installed when its first finalization comes.
    function _installFirst(ClientState state) private returns (ClientState) {
        CommitteeRecord memory record = stakeTable.committee(FIRST_COMMITTEE);
        if (!record.exists()) revert LightClientNoCommittee(FIRST_COMMITTEE);
        return _install(state, FIRST_COMMITTEE, record, 1);
    }

    /// @dev A committee that is no longer trusted is installed all the same: the chain did go over to it, and the way on
    /// is a resume.
    function _install(
        ClientState state,
        uint64 committee,
        CommitteeRecord memory record,
        uint64 epoch
    ) private returns (ClientState) {
        uint256 trusted = _trustedUntil(committee, record);
        emit CommitteeInstalled(committee, epoch, trusted);
        return state.withCommittee(committee, record.nonce, trusted);
    }

    /// @dev Makes a checkpoint the latest, and keeps it in the ring if the last entry is old enough: the interval is
    /// counted between entries, so that many cheap advances cannot flush the ring. The entry's place follows from the
    /// time, so each stays for at least RING_SIZE - 1 intervals.
    /// @param epoch The epoch that what comes next must be of, or above.
    /// @param viewNumber The view that what comes next in this epoch must be above.
    function _store(ClientState state, uint64 epoch, uint64 viewNumber, Checkpoint memory checkpoint) private {
        bytes32 hash = checkpoint.hash();
        uint256 freshAt = Math.min(checkpoint.receivedAt, checkpoint.timestamp / 1000);
        state = state.withBlock(checkpoint.height, epoch, viewNumber, freshAt);
        if (block.timestamp >= state.keptAt() + ringInterval) {
            uint256 place = (block.timestamp / ringInterval) % RING_SIZE;
            state = state.withKeptAt(block.timestamp);
            _ring[place] = hash;
            emit CheckpointKept(checkpoint.height, place, hash);
        }
        _latest = hash;
        _state = state;
        Checkpoint memory c = checkpoint;
        emit CheckpointAdvanced(c.height, c.blockHash, c.epoch, c.viewNumber, c.timestamp);
    }

    function _checkpointOf(
        Header memory header,
        bytes32 blockHash,
        uint64 viewNumber
    ) private view returns (Checkpoint memory) {
        return
            Checkpoint({
                blockHash: blockHash,
                history: header.history,
                height: header.height,
                epoch: header.epoch,
                viewNumber: viewNumber,
                timestamp: header.timestamp,
                receivedAt: uint64(block.timestamp)
            });
    }

    /* WHEN SOMETHING IS WRONG */

    /// @inheritdoc ILightClient
    function reportSlashed(uint64 committee, uint256[] calldata seats) external {
        CommitteeRecord memory record = stakeTable.committee(committee);
        if (!record.exists()) revert LightClientNoCommittee(committee);
        Committee memory members = CommitteeCode.load(address(stakeTable), record.nonce);
        SlashedSeats memory slashed = _slashed[committee];
        bytes32[8] memory key;
        if (seats.length > members.size) revert LightClientSeatOutOfBounds(committee, seats.length, members.size);
        for (uint256 i = 0; i < seats.length; ++i) {
            uint256 seat = seats[i];
            if (seat >= members.size) revert LightClientSeatOutOfBounds(committee, seat, members.size);
            if ((slashed.reported >> seat) & 1 == 1) continue; // So nobody spoils a report by reporting a seat first.
            uint32 validator = members.loadKey(seat, key);
            if (stakeTable.slashedAt(validator) == 0) revert LightClientSeatNotSlashed(committee, seat, validator);
            slashed.reported |= uint128(1 << seat);
            slashed.weight += uint64(members.weight(seat));
        }
        if (slashed.reported == _slashed[committee].reported && seats.length != 0) {
            revert LightClientSeatAlreadyReported(committee, seats[0]);
        }
        bool isExpiring = !slashed.expired && 3 * uint256(slashed.weight) >= members.totalWeight;
        if (isExpiring) slashed.expired = true;
        _slashed[committee] = slashed;
        if (isExpiring && committee == _state.committee()) _state = _state.withoutTrust();
        emit SlashedWeightReported(committee, slashed.weight, members.totalWeight);
        if (isExpiring) emit CommitteeExpired(committee);
    }

    /// @inheritdoc ILightClient
    function freeze(
        Finalization calldata lower,
        Finalization calldata higher,
        bytes32 otherBlock,
        bytes32[] calldata proof
    ) external {
        Header memory low = lower.header;
        Header memory high = higher.header;
        if (_halt.frozen) revert LightClientAlreadyFrozen();
        if (low.epoch != high.epoch || low.committee != high.committee) {
            revert LightClientForkAcrossEpochs(low.epoch, low.committee, high.epoch, high.committee);
        }
        if (low.height > high.height) revert LightClientForkOutOfOrder(low.height, high.height);
        CommitteeRecord memory record = stakeTable.committee(low.committee);
        uint256 trusted = _trustedUntil(low.committee, record);
        if (block.timestamp >= trusted) {
            revert LightClientCommitteeNotTrusted(low.committee, trusted, block.timestamp);
        }
        bytes32 lowHash = low.hash();
        bytes32 highHash = high.hash();
        bytes32 other = highHash;
        if (low.height < high.height) {
            other = otherBlock;
            _checkHistory(other, low.height, high.height, high.history, proof);
        }
        if (other == lowHash) revert LightClientNoFork(low.height, lowHash, high.height, highHash);
        _checkFinalization(low, lower.certificate, lowHash, record.nonce);
        _checkFinalization(high, higher.certificate, highHash, record.nonce);

        (_halt.endedAt, _halt.frozen) = (uint64(block.timestamp), true);
        _state = _state.withoutTrust();
        emit LightClientFroze(low.epoch, low.committee, lowHash, highHash);
    }

    /// @inheritdoc ILightClient
    function resume(
        Resume calldata message,
        Certificate calldata certificate,
        Header calldata header,
        Checkpoint calldata latest,
        bytes32[] calldata proof
    ) external {
        _checkHalted();
        _checkResumeEpoch(message.epoch, header);
        uint24 code = _checkResumeCommittee(message.committee);
        _checkResumeBlock(message.blockHash, header, latest, proof);
        if (certificate.viewNumber != 0) revert LightClientResumeViewNotZero(certificate.viewNumber);
        PendingResume memory pending = _pending;
        if (message.epoch < pending.epoch) revert LightClientResumeSuperseded(message.epoch, pending.epoch);
        bool isSecond = message.epoch == pending.epoch;
        if (isSecond && message.blockHash == pending.checkpoint.blockHash && message.committee == pending.committee)
            revert LightClientResumeAlreadyPending(message.epoch);
        _checkCertificate(certificate, message.hash(), code);

        if (isSecond) {
            delete _pending;
            _barred[message.epoch] = true;
            emit ResumeBarred(message.epoch, pending.checkpoint.blockHash, message.blockHash);
            return;
        }
        uint256 applicableAt = block.timestamp + resumeDelay;
        _pending = PendingResume({
            epoch: message.epoch,
            committee: message.committee,
            applicableAt: uint64(applicableAt),
            checkpoint: _checkpointOf(header, message.blockHash, header.viewNumber)
        });
        emit ResumeProposed(message.epoch, message.committee, message.blockHash, applicableAt);
    }

    /// @inheritdoc ILightClient
    function applyResume() external {
        PendingResume memory pending = _pending;
        if (pending.epoch == 0) revert LightClientNoPendingResume();
        if (block.timestamp < pending.applicableAt) {
            revert LightClientResumeNotDue(pending.applicableAt, block.timestamp);
        }
        uint256 trusted = trustedUntil(pending.committee);
        if (block.timestamp >= trusted) {
            revert LightClientCommitteeNotTrusted(pending.committee, trusted, block.timestamp);
        }
        // Still expired or frozen, as it was when the resume was proposed: nothing but this line ends either.

        delete _pending;
        (_halt.resumed, _halt.frozen) = (pending.committee, false);
        pending.checkpoint.receivedAt = uint64(block.timestamp);
        CommitteeRecord memory record = stakeTable.committee(pending.committee);
        _store(_install(_state, pending.committee, record, pending.epoch), pending.epoch, 0, pending.checkpoint);
        emit ResumeApplied(pending.epoch, pending.committee, pending.checkpoint.blockHash);
    }

    /// @dev Reverts while the client needs no resume.
    function _checkHalted() private view {
        uint64 committee = _state.committee();
        // Before the first committee is installed, its trust is what the client lives by.
        if (committee == 0) committee = FIRST_COMMITTEE;
        CommitteeRecord memory record = stakeTable.committee(committee);
        if (!record.exists()) revert LightClientNoCommittee(committee);
        uint256 trusted = _trustedUntil(committee, record);
        if (block.timestamp < trusted) revert LightClientStillTrusted(trusted, block.timestamp);
    }

    function _checkResumeEpoch(uint64 epoch, Header calldata header) private view {
        uint64 current = _state.epoch();
        uint64 above = uint64(Math.max(current, header.epoch));
        uint64 most = current + RESUME_EPOCHS_MAX;
        if (epoch <= above || epoch > most) revert LightClientResumeEpochOutOfBounds(epoch, above, most);
        if (_barred[epoch]) revert LightClientResumeEpochBarred(epoch);
        uint256 lastHeight = uint256(epoch) * epochLength;
        if (header.height >= lastHeight) revert LightClientResumeHeightBeyondEpoch(header.height, lastHeight);
    }

    function _checkResumeCommittee(uint64 committee) private view returns (uint24 code) {
        uint64 current = _state.committee();
        if (committee <= current) revert LightClientResumeCommitteeNotNewer(committee, current);
        CommitteeRecord memory record = stakeTable.committee(committee);
        if (!record.exists()) revert LightClientNoCommittee(committee);
        uint256 latestCreation = block.timestamp - ClientBounds.RESUME_COMMITTEE_AGE;
        if (record.createdAt > latestCreation) {
            revert LightClientResumeCommitteeTooYoung(committee, record.createdAt, latestCreation);
        }
        uint256 trusted = _trustedUntil(committee, record);
        uint256 least = block.timestamp + resumeDelay + ClientBounds.RESUME_TRUST_LEFT;
        if (trusted < least) revert LightClientResumeCommitteeTooOld(committee, trusted, least);
        return record.nonce;
    }

    /// @dev The block is the latest checkpoint or has it in its history.
    function _checkResumeBlock(
        bytes32 blockHash,
        Header calldata header,
        Checkpoint calldata latest,
        bytes32[] calldata proof
    ) private view {
        bytes32 given = latest.hash();
        if (given != _latest) revert LightClientWrongCheckpoint(given, _latest);
        bytes32 headerHash = header.hash();
        if (headerHash != blockHash) revert LightClientWrongBlock(headerHash, blockHash);
        if (blockHash == latest.blockHash) return;
        _checkHistory(latest.blockHash, latest.height, header.height, header.history, proof);
    }

    /// @dev Reverts unless the history of a block at `height` has `blockHash` at `index`.
    function _checkHistory(
        bytes32 blockHash,
        uint64 index,
        uint64 height,
        bytes32 history,
        bytes32[] calldata proof
    ) private pure {
        bytes32 root = Merkle.rootOf(Merkle.leaf(abi.encodePacked(blockHash)), index, height, proof);
        if (root != history) revert LightClientHistoryMismatch(root, history);
    }

    /* TRUST */

    /// @inheritdoc ILightClient
    function trustedUntil(uint64 committee) public view returns (uint256) {
        return _trustedUntil(committee, stakeTable.committee(committee));
    }

    function _trustedUntil(uint64 committee, CommitteeRecord memory record) private view returns (uint256) {
        if (!record.exists() || _slashed[committee].expired) return 0;
        Halt memory halt = _halt;
        if (record.createdAt <= halt.endedAt || committee < halt.resumed) return 0;
        return record.createdAt + trustPeriod;
    }

    /* VIEWS */

    /// @inheritdoc ILightClient
    function isLive(uint256 maxAge) external view returns (bool) {
        ClientState state = _state;
        return block.timestamp < state.trustedUntil() && block.timestamp - state.freshAt() <= maxAge;
    }

    /// @inheritdoc ILightClient
    function isCheckpoint(Checkpoint calldata checkpoint, uint256 position) external view returns (bool) {
        return checkpointAt(position) == checkpoint.hash();
    }

    /// @inheritdoc ILightClient
    function checkpointAt(uint256 position) public view returns (bytes32) {
        if (position == LATEST_POSITION) return _latest;
        if (position > LATEST_POSITION) revert LightClientPositionOutOfBounds(position, LATEST_POSITION);
        return _ring[position];
    }

    /// @inheritdoc ILightClient
    function status() external view returns (LightClientStatus memory) {
        ClientState state = _state;
        return
            LightClientStatus({
                height: state.height(),
                epoch: state.epoch(),
                viewNumber: state.viewNumber(),
                committee: state.committee(),
                trustedUntil: uint64(state.trustedUntil()),
                freshAt: uint64(state.freshAt()),
                frozen: _halt.frozen
            });
    }

    /// @inheritdoc ILightClient
    function slashedWeight(uint64 committee) external view returns (uint256) {
        return _slashed[committee].weight;
    }

    /// @inheritdoc ILightClient
    function pendingResume() external view returns (PendingResume memory) {
        return _pending;
    }

    /// @inheritdoc ILightClient
    function isBarred(uint64 epoch) external view returns (bool) {
        return _barred[epoch];
    }

    /// @inheritdoc ILightClient
    function domainSeparator() public view returns (bytes32) {
        // Computed anew on a chain that forked off under another id.
        return
            block.chainid == _chainId ? _domainSeparator : Domain.separator(block.chainid, address(stakeTable), salt);
    }
}
