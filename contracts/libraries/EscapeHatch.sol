// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILightClient} from "../interfaces/ILightClient.sol";

using EscapeHatch for Hatch global;

/// @notice A rollup's queue on L1 and whether it goes before new confirmations.
/// @param tail Number of entries ever queued; the next entry's index.
/// @param head Number of entries that are part of the rollup's input. Never decreases.
/// @param isOpen Whether queued entries go before new confirmations.
/// @param armedAt When the hatch was armed for closing, seconds; 0 if it is not.
/// @param entries The queue, by index.
struct Hatch {
    uint64 tail;
    uint64 head;
    bool isOpen;
    uint64 armedAt;
    mapping(uint64 index => QueueEntry) entries;
}

/// @notice One queued entry.
/// @param contentHash keccak256 of (sender, data).
/// @param queuedAt L1 time of queueing, seconds.
struct QueueEntry {
    bytes32 contentHash;
    uint64 queuedAt;
}

/// @notice When the hatch opens and closes. Times in seconds.
/// @param entryAge An entry that waits longer opens the hatch (D).
/// @param liveAge The light client's age from which on it counts as dead (maxAge).
/// @param armDelay How long the hatch is armed before it may close (T).
struct HatchTerms {
    uint64 entryAge;
    uint64 liveAge;
    uint64 armDelay;
}

/// @title EscapeHatch
/// @notice What a rollup's users have when the sequencing layer censors them or stops: an L1 queue that cannot be
/// ignored. Anyone may queue. While the hatch is closed, entries are taken along with confirmations; once one waits too
/// long, or the light client is not live, anyone opens the hatch, and from then on queued entries go first.
///
/// It cannot be held shut: opening depends on the clock, the queue and the light client only. It cannot be forced open
/// while the layer is live: whoever keeps the rollup going takes the queue along with a confirmation, which costs the
/// same for any number of entries. It cannot be held open: taking all entries and closing fit in one transaction.
library EscapeHatch {
    /// @notice Bytes of one entry's data at most.
    uint256 internal constant ENTRY_BYTES_MAX = 65_536;

    event EntryQueued(uint64 indexed index, address indexed sender, bytes data);
    event EntriesIncluded(uint64 from, uint64 upTo);
    event HatchOpened();
    event HatchArmed(uint64 closableAt);
    event HatchClosed();

    error HatchEntryTooLarge(uint256 given, uint256 most);
    error HatchNotDue(uint64 head, uint64 tail, uint256 dueAt);
    error HatchNotOpen();
    error HatchNotLive(uint256 maxAge);
    error HatchAlreadyArmed(uint64 armedAt);
    error HatchNotArmed();
    error HatchArmedTooShortly(uint256 closableAt, uint256 nowSeconds);
    error HatchQueueNotEmpty(uint64 head, uint64 tail);
    error HatchIndexOutOfBounds(uint64 given, uint64 head, uint64 tail);

    /// @notice Queues an entry of the caller.
    function enqueue(Hatch storage self, bytes calldata data) internal returns (uint64 index) {
        if (data.length > ENTRY_BYTES_MAX) revert HatchEntryTooLarge(data.length, ENTRY_BYTES_MAX);

        index = self.tail;
        self.tail = index + 1;
        self.entries[index] = QueueEntry({
            contentHash: keccak256(abi.encode(msg.sender, data)),
            queuedAt: uint64(block.timestamp)
        });

        emit EntryQueued(index, msg.sender, data);
    }

    /// @notice Opens the hatch, or disarms an open one: an entry waited too long, or the light client is not live.
    function open(Hatch storage self, HatchTerms memory terms, ILightClient lightClient) internal {
        if (lightClient.isLive(terms.liveAge)) {
            uint256 dueAt =
                self.head == self.tail ? type(uint256).max : uint256(self.entries[self.head].queuedAt) + terms.entryAge;
            if (block.timestamp <= dueAt) revert HatchNotDue(self.head, self.tail, dueAt);
        }

        self.isOpen = true;
        self.armedAt = 0;

        emit HatchOpened();
    }

    /// @notice Announces that the layer is live again; `close` may follow after the delay.
    function arm(Hatch storage self, HatchTerms memory terms, ILightClient lightClient) internal {
        if (!self.isOpen) revert HatchNotOpen();
        if (self.armedAt != 0) revert HatchAlreadyArmed(self.armedAt);
        if (!lightClient.isLive(terms.liveAge)) revert HatchNotLive(terms.liveAge);

        self.armedAt = uint64(block.timestamp);

        emit HatchArmed(uint64(block.timestamp) + terms.armDelay);
    }

    /// @notice Closes the hatch: queue empty, live now, and live when it was armed long enough ago, with no opening since.
    function close(Hatch storage self, HatchTerms memory terms, ILightClient lightClient) internal {
        if (!self.isOpen) revert HatchNotOpen();
        if (self.armedAt == 0) revert HatchNotArmed();
        uint256 closableAt = uint256(self.armedAt) + terms.armDelay;
        if (block.timestamp < closableAt) revert HatchArmedTooShortly(closableAt, block.timestamp);
        if (self.head != self.tail) revert HatchQueueNotEmpty(self.head, self.tail);
        if (!lightClient.isLive(terms.liveAge)) revert HatchNotLive(terms.liveAge);

        self.isOpen = false;
        self.armedAt = 0;

        emit HatchClosed();
    }

    /// @notice Makes entries up to `upTo` part of the rollup's input.
    function include(Hatch storage self, uint64 upTo) internal {
        if (upTo < self.head || upTo > self.tail) revert HatchIndexOutOfBounds(upTo, self.head, self.tail);
        if (upTo == self.head) return;

        emit EntriesIncluded(self.head, upTo);
        self.head = upTo;
    }
}
