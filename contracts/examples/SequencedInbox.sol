// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "../interfaces/ILightClient.sol";
import {EscapeHatch, Hatch, HatchTerms} from "../libraries/EscapeHatch.sol";
import {Checkpoint} from "../types/Checkpoint.sol";

/// @title SequencedInbox
/// @notice The input of a rollup that the committee sequences. There is no sequencer and nothing to submit: by
/// definition the input is every transaction of the rollup's namespace above the previously recorded height up to the
/// recorded one, in order, then the queued entries up to the recorded index. The contract only records which checkpoint
/// that is; the rollup's own proof system proves transactions against it (`ConfirmationVerifier`).
///
/// ORDER. While the escape hatch is open, queued entries come before newly recorded transactions; what was recorded
/// keeps its place.
///
/// ROLES. None: every function is for everyone.
contract SequencedInbox {
    /// @notice One stretch of input.
    /// @param blockHash Hash of the checkpoint at `height`.
    /// @param height The namespace's transactions above the previous record's height up to here come first.
    /// @param entryCount Then the queue's entries from the previous record's number up to this one.
    struct Record {
        bytes32 blockHash;
        uint64 height;
        uint64 entryCount;
    }

    ILightClient public immutable LIGHT_CLIENT;
    /// @notice Namespace of the rollup: its chain id.
    uint64 public immutable NAMESPACE;

    Hatch private _hatch;
    HatchTerms private _terms;
    Record[] private _records;

    event Recorded(uint256 indexed index, uint64 height, bytes32 blockHash, uint64 entryCount);

    error InboxNotACheckpoint(uint64 height, bytes32 blockHash, uint256 position);
    error InboxHeightNotIncreasing(uint64 given, uint64 recorded);

    /// @param startHeight The namespace's transactions up to this height are not part of the input.
    constructor(ILightClient lightClient, uint64 namespace, uint64 startHeight, HatchTerms memory terms) {
        LIGHT_CLIENT = lightClient;
        NAMESPACE = namespace;
        _terms = terms;
        _records.push(Record({blockHash: 0, height: startHeight, entryCount: 0}));
    }

    /* INPUT */

    /// @notice Extends the input to a checkpoint of the light client, and to `entryCount` entries of the queue.
    /// @param checkpoint A checkpoint above the recorded height.
    /// @param position Where the light client has it.
    /// @param entryCount Number of queued entries that are part of the input afterwards. Not looked at while the hatch is open:
    /// then all of them are.
    function record(Checkpoint calldata checkpoint, uint256 position, uint64 entryCount) external {
        Record memory last = _records[_records.length - 1];

        if (!LIGHT_CLIENT.isCheckpoint(checkpoint, position)) {
            revert InboxNotACheckpoint(checkpoint.height, checkpoint.blockHash, position);
        }
        if (checkpoint.height <= last.height) revert InboxHeightNotIncreasing(checkpoint.height, last.height);

        // An open hatch takes all entries, however many the caller knew of: nobody delays a record by queueing one more.
        if (_hatch.isOpen) includeQueue();
        else _hatch.include(entryCount);
        _append(checkpoint.blockHash, checkpoint.height);
    }

    /// @notice While the hatch is open: makes all queued entries part of the input, behind what is recorded.
    function includeQueue() public {
        if (!_hatch.isOpen) revert EscapeHatch.HatchNotOpen();
        if (_hatch.head == _hatch.tail) return;

        Record memory last = _records[_records.length - 1];
        _hatch.include(_hatch.tail);
        _append(last.blockHash, last.height);
    }

    /* ESCAPE HATCH */

    function enqueue(bytes calldata data) external returns (uint64 index) {
        return _hatch.enqueue(data);
    }

    function openHatch() external {
        _hatch.open(_terms, LIGHT_CLIENT);
    }

    function armHatch() external {
        _hatch.arm(_terms, LIGHT_CLIENT);
    }

    /// @notice Takes what is queued and closes the hatch.
    function closeHatch() external {
        if (_hatch.isOpen) includeQueue();
        _hatch.close(_terms, LIGHT_CLIENT);
    }

    /* VIEWS */

    function recordAt(uint256 index) external view returns (Record memory) {
        return _records[index];
    }

    function recordCount() external view returns (uint256) {
        return _records.length;
    }

    function hatch() external view returns (uint64 head, uint64 tail, bool isOpen, uint64 armedAt) {
        return (_hatch.head, _hatch.tail, _hatch.isOpen, _hatch.armedAt);
    }

    /// @notice keccak256 of (sender, data) of a queued entry.
    function entryHash(uint64 index) external view returns (bytes32) {
        return _hatch.entries[index].contentHash;
    }

    /* INTERNAL */

    function _append(bytes32 blockHash, uint64 height) private {
        uint64 entryCount = _hatch.head;
        _records.push(Record({blockHash: blockHash, height: height, entryCount: entryCount}));
        emit Recorded(_records.length - 1, height, blockHash, entryCount);
    }
}
