// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeTable} from "./IStakeTable.sol";
import {Certificate} from "../types/Certificate.sol";
import {Checkpoint} from "../types/Checkpoint.sol";
import {Header} from "../types/Header.sol";
import {Resume} from "../types/Resume.sol";

/// @notice Values that are fixed at deployment.
/// @param epochLength Blocks in an epoch; the block at height `epoch * epochLength` is the epoch's handover.
/// @param margin By how much trust in a committee ends before its stake can leave, in seconds; at least 7 days.
/// @param l1Drift By how much a header's time may be ahead of L1's, in seconds.
/// @param ringInterval Least time between two entries of the ring, in seconds.
/// @param resumeDelay Time between a valid resume and its application, in seconds; longer than escape hatches need.
struct LightClientParameters {
    uint64 epochLength;
    uint48 margin;
    uint48 l1Drift;
    uint48 ringInterval;
    uint48 resumeDelay;
}

/// @notice A header with the certificate of a quorum's `finalize` over it.
struct Finalization {
    Header header;
    Certificate certificate;
}

/// @notice Where the client stands.
/// @param height Height of the latest checkpoint.
/// @param epoch Epoch of the latest checkpoint; after a resume, the epoch that it opened.
/// @param viewNumber View of the latest checkpoint's finalization; zero after a resume.
/// @param committee The installed committee: the only one whose finalizations are taken. Zero before the first.
/// @param trustedUntil L1 time from which the installed committee is no longer trusted; zero once its trust was ended.
/// @param freshAt The lesser of header time and time received of the latest checkpoint, seconds. Age counts from here.
/// @param frozen Whether a fork was proven and no resume was applied since.
struct LightClientStatus {
    uint64 height;
    uint64 epoch;
    uint64 viewNumber;
    uint64 committee;
    uint64 trustedUntil;
    uint64 freshAt;
    bool frozen;
}

/// @notice A resume that waits for its delay. All zero when there is none.
/// @param epoch Epoch that the resume opens.
/// @param committee Committee that it installs.
/// @param applicableAt L1 time from which anyone may apply it, seconds.
/// @param checkpoint The block that becomes the latest checkpoint, with `receivedAt` as it was proposed.
struct PendingResume {
    uint64 epoch;
    uint64 committee;
    uint64 applicableAt;
    Checkpoint checkpoint;
}

/// @title ILightClient
/// @notice The sequencing layer's finality on L1. It follows the chain by certificates of the staked committee and keeps
/// checkpoints, against which anything older can be proven.
///
/// TRUST. A block is accepted iff a quorum of the installed committee signed `finalize` over it. A committee is trusted
/// until `margin` before its stake could have left, and no longer once a third of its weight was reported slashed.
///
/// SAFETY. If less than a third of a committee's weight is Byzantine, no two conflicting blocks become checkpoints. If
/// two conflicting finalizations exist, anyone ends trust with `freeze`, and the signers' stake is forfeit.
///
/// LIVENESS. Nobody is privileged: everyone may post, freeze, report and resume. A client that nobody feeds for
/// the trust period expires and says so; it lives again by `resume`, which a newer committee signs.
///
/// NOBODY can pause it, change its parameters, or make it accept a block that no quorum signed.
interface ILightClient {
    /* EVENTS */

    /// @notice A block became the latest checkpoint.
    event CheckpointAdvanced(
        uint64 indexed height,
        bytes32 indexed blockHash,
        uint64 epoch,
        uint64 viewNumber,
        uint64 timestamp
    );
    /// @notice The checkpoint of this height was also written to the ring.
    event CheckpointKept(uint64 indexed height, uint256 indexed position, bytes32 checkpoint);
    /// @notice A committee became the one whose finalizations are taken.
    /// @param epoch Its first epoch.
    event CommitteeInstalled(uint64 indexed committee, uint64 indexed epoch, uint256 trustedUntil);
    /// @notice Seats of slashed validators were counted against their committee.
    event SlashedWeightReported(uint64 indexed committee, uint256 slashedWeight, uint256 totalWeight);
    /// @notice A third of a committee's weight is slashed: it is trusted no more.
    event CommitteeExpired(uint64 indexed committee);
    /// @notice A fork was proven.
    event LightClientFroze(uint64 indexed epoch, uint64 indexed committee, bytes32 firstBlock, bytes32 secondBlock);
    /// @notice A valid resume waits until `applicableAt`.
    event ResumeProposed(
        uint64 indexed epoch,
        uint64 indexed committee,
        bytes32 indexed blockHash,
        uint256 applicableAt
    );
    /// @notice Two different resumes of one epoch are valid: neither counts, nor any other of that epoch.
    event ResumeBarred(uint64 indexed epoch, bytes32 pendingBlock, bytes32 otherBlock);
    /// @notice The client lives again.
    event ResumeApplied(uint64 indexed epoch, uint64 indexed committee, bytes32 indexed blockHash);

    /* ERRORS */

    error LightClientMarginTooShort(uint256 given, uint256 least);
    error LightClientTrustPeriodTooShort(uint256 given, uint256 least);
    error LightClientStakeTableMissing(address given);
    error LightClientGenesisZero();
    error LightClientEpochLengthZero();
    error LightClientEpochLengthTooLong(uint256 given, uint256 most);
    error LightClientDriftTooLong(uint256 given, uint256 most);
    error LightClientRingIntervalZero();
    error LightClientRingIntervalTooLong(uint256 given, uint256 most);
    /// @notice A resume must not be applied before users could leave through the escape hatches.
    error LightClientResumeDelayTooShort(uint256 given, uint256 least);
    /// @notice Trust in the installed committee ended at this time: nothing more is taken from it.
    error LightClientExpired(uint256 trustedUntil, uint256 nowSeconds);
    /// @notice A fork was proven: nothing is taken until a resume.
    error LightClientFrozen();
    error LightClientNoCommittee(uint64 committee);
    error LightClientWrongCommittee(uint64 given, uint64 installed);
    error LightClientHeightNotIncreasing(uint64 given, uint64 latest);
    error LightClientEpochNotIncreasing(uint64 given, uint64 latest);
    error LightClientViewNotIncreasing(uint64 given, uint64 latest);
    error LightClientHeightBeyondEpoch(uint64 height, uint256 lastHeight);
    /// @notice A handover is the last block of its epoch, and nothing else names a next committee.
    error LightClientHandoverMalformed(uint64 height, uint64 epoch, uint64 nextCommittee);
    /// @notice The certificate's view must be the header's, or, for a handover, at or after it.
    error LightClientWrongView(uint64 certificateView, uint64 headerView);
    error LightClientHeaderFromFuture(uint256 headerSeconds, uint256 latestSeconds);
    error LightClientNextCommitteeTooOld(uint64 given, uint64 installed);
    /// @notice The next committee must be the newest that was created at or below the header's anchor.
    error LightClientNextCommitteeNotNewest(uint64 given, uint64 newer, uint64 l1Number);
    error LightClientNextCommitteeNotCreated(uint64 given, uint256 createdBlock, uint64 l1Number);
    error LightClientAnchorFromFuture(uint64 l1Number, uint256 blockNumber);
    error LightClientSeatNotSlashed(uint64 committee, uint256 seat, uint32 validator);
    error LightClientSeatAlreadyReported(uint64 committee, uint256 seat);
    error LightClientSeatOutOfBounds(uint64 committee, uint256 seat, uint256 size);
    error LightClientCommitteeNotTrusted(uint64 committee, uint256 trustedUntil, uint256 nowSeconds);
    error LightClientAlreadyFrozen();
    error LightClientNoFork(uint64 firstHeight, bytes32 firstBlock, uint64 secondHeight, bytes32 secondBlock);
    error LightClientForkAcrossEpochs(
        uint64 firstEpoch,
        uint64 firstCommittee,
        uint64 secondEpoch,
        uint64 secondCommittee
    );
    error LightClientForkOutOfOrder(uint64 firstHeight, uint64 secondHeight);
    error LightClientHistoryMismatch(bytes32 given, bytes32 committed);
    /// @notice A resume is possible only while the client is expired or frozen.
    error LightClientStillTrusted(uint256 trustedUntil, uint256 nowSeconds);
    error LightClientWrongCheckpoint(bytes32 given, bytes32 latest);
    error LightClientWrongBlock(bytes32 given, bytes32 signed);
    error LightClientResumeViewNotZero(uint64 viewNumber);
    error LightClientResumeEpochOutOfBounds(uint64 given, uint64 above, uint64 most);
    error LightClientResumeHeightBeyondEpoch(uint64 height, uint256 lastHeight);
    error LightClientResumeCommitteeNotNewer(uint64 given, uint64 installed);
    error LightClientResumeCommitteeTooYoung(uint64 committee, uint256 createdAt, uint256 latestCreation);
    error LightClientResumeCommitteeTooOld(uint64 committee, uint256 trustedUntil, uint256 leastTrustedUntil);
    error LightClientResumeEpochBarred(uint64 epoch);
    error LightClientResumeSuperseded(uint64 given, uint64 pending);
    error LightClientResumeAlreadyPending(uint64 epoch);
    error LightClientPositionOutOfBounds(uint256 given, uint256 last);
    error LightClientNoPendingResume();
    error LightClientResumeNotDue(uint256 applicableAt, uint256 nowSeconds);

    /* THE MAIN PATH */

    /// @notice Makes a finalized block the latest checkpoint, and installs the next committee if it is a handover.
    /// @dev Safety: quorum by weight of the installed, trusted committee; EIP-712 domain of this chain, stake table and
    /// genesis; strictly increasing height and (epoch, view).
    /// Liveness: blocks may be skipped, except a handover that changes the committee, without which nothing of the next
    /// committee is taken. Several posters do not disturb each other: the later one is told what is there.
    function advance(Header calldata header, Certificate calldata certificate) external;

    /* WHEN SOMETHING IS WRONG */

    /// @notice Counts seats of slashed validators against their committee, which expires at a third of its weight.
    /// @param seats Committee indices, each slashed. Those that were reported for this committee before are skipped;
    /// it reverts if all were.
    function reportSlashed(uint64 committee, uint256[] calldata seats) external;

    /// @notice Ends trust on proof of a fork: two finalizations of one epoch by one committee that is trusted now, with
    /// different blocks at one height.
    /// @param lower The finalization of the lower height, or either at equal heights.
    /// @param higher The other one.
    /// @param otherBlock What the history of `higher` has at the height of `lower`; unused at equal heights.
    /// @param proof Inclusion proof of `otherBlock`; empty at equal heights.
    function freeze(
        Finalization calldata lower,
        Finalization calldata higher,
        bytes32 otherBlock,
        bytes32[] calldata proof
    ) external;

    /// @notice Proposes where an expired or frozen client goes on, signed by a quorum of the newer committee itself.
    /// @dev A second valid resume of the same epoch cancels both and bars that epoch; one for a higher epoch replaces.
    /// @param message What the quorum signed.
    /// @param certificate Its certificate; `viewNumber` is zero.
    /// @param header Header of the block that the message names.
    /// @param latest The latest checkpoint, opened.
    /// @param proof That the latest checkpoint is in the history of `header`; empty if it is that block.
    function resume(
        Resume calldata message,
        Certificate calldata certificate,
        Header calldata header,
        Checkpoint calldata latest,
        bytes32[] calldata proof
    ) external;

    /// @notice Applies the pending resume after its delay.
    function applyResume() external;

    /* VIEWS */

    /// @notice Whether the client is trusted and its latest checkpoint is at most `maxAge` seconds old.
    /// @dev Age counts from the lesser of header time and time received: a dead chain whose old finalizations are
    /// posted one by one is not live.
    function isLive(uint256 maxAge) external view returns (bool);

    /// @notice Whether `checkpoint` is stored at `position`.
    /// @param position A position in the ring, or `LATEST_POSITION` for the latest checkpoint.
    function isCheckpoint(Checkpoint calldata checkpoint, uint256 position) external view returns (bool);

    /// @notice The stored checkpoint hash at a position; zero where nothing was written yet.
    function checkpointAt(uint256 position) external view returns (bytes32);

    function status() external view returns (LightClientStatus memory);

    /// @notice L1 time until which a committee is trusted, seconds; zero if it does not exist or its trust was ended.
    function trustedUntil(uint64 committee) external view returns (uint256);

    /// @notice Weight of the seats reported as slashed.
    function slashedWeight(uint64 committee) external view returns (uint256);

    function pendingResume() external view returns (PendingResume memory);

    /// @notice Whether two different resumes of this epoch were seen.
    function isBarred(uint64 epoch) external view returns (bool);

    /* CONSTANTS */

    /// @notice EIP-712 domain separator of everything that a committee signs.
    function domainSeparator() external view returns (bytes32);

    /// @notice Number of ring entries.
    function RING_SIZE() external view returns (uint256);

    /// @notice The position of the latest checkpoint, beside the ring's 0 to `RING_SIZE - 1`.
    function LATEST_POSITION() external view returns (uint256);

    function stakeTable() external view returns (IStakeTable);

    /// @notice Genesis hash of the cluster.
    function salt() external view returns (bytes32);

    function epochLength() external view returns (uint64);

    /// @notice For how long after its creation a committee is trusted, seconds.
    function trustPeriod() external view returns (uint256);

    function l1Drift() external view returns (uint256);

    function ringInterval() external view returns (uint256);

    function resumeDelay() external view returns (uint256);
}
