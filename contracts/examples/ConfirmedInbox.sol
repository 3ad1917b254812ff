// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IConfirmationVerifier} from "../interfaces/IConfirmationVerifier.sol";
import {ILightClient} from "../interfaces/ILightClient.sol";
import {EscapeHatch, Hatch, HatchTerms} from "../libraries/EscapeHatch.sol";
import {BlockProof, NamespaceProof, TransactionProof} from "../types/Confirmation.sol";

/// @title ConfirmedInbox
/// @notice The input of a rollup that keeps its own sequencer and has its batches confirmed. The sequencer signs batches
/// and submits them to the rollup's namespace; anyone posts them here with a proof.
///
/// EQUIVOCATION. Of all the batches with one number and one parent that the sequencer signed, the one at the lowest
/// (height, index in the namespace) counts. An accepted batch is provisional for `CHALLENGE_TIME`; within it anyone
/// replaces it, and thereby drops its successors, with a proof of an earlier one. So the sequencer cannot take back what
/// was confirmed. Withdrawals wait for `isFinal`.
///
/// ORDER. The input is batch 1, the queued entries that follow it, batch 2, and so on. While the escape hatch is open,
/// queued entries come behind the batches that are posted and before new ones. An entry that is part of the input stays
/// so, even if the batch that it follows is replaced.
///
/// ROLES. The sequencer only signs; every function is for everyone.
contract ConfirmedInbox is EIP712 {
    /// @notice What the sequencer signs.
    /// @param number Number of the batch, from 1.
    /// @param parent Hash of batch `number - 1`.
    /// @param entryCount Number of queued entries that are part of the input once this batch is. A number beyond the queue
    /// means all of it: were it refused, the sequencer could take a confirmed batch back by naming too many.
    /// @param data keccak256 of the rollup's own data.
    struct Batch {
        uint64 number;
        bytes32 parent;
        uint64 entryCount;
        bytes32 data;
    }

    /// @notice A batch that was proven.
    /// @param batchHash EIP-712 struct hash of the batch.
    /// @param height Block in which it was confirmed.
    /// @param index Its place in the namespace.
    /// @param acceptedAt L1 time, seconds.
    /// @param entryCount Number of queued entries that are part of the input behind this batch.
    struct Accepted {
        bytes32 batchHash;
        uint64 height;
        uint64 index;
        uint64 acceptedAt;
        uint64 entryCount;
    }

    /// @notice First byte of an envelope that is not part of a bundle.
    bytes1 private constant PLAIN = 0x00;
    bytes32 private constant BATCH_TYPE_HASH = keccak256(
        "Batch(uint64 number,bytes32 parent,uint64 entryCount,bytes32 data)"
    );

    IConfirmationVerifier public immutable VERIFIER;
    ILightClient public immutable LIGHT_CLIENT;
    uint64 public immutable NAMESPACE;
    address public immutable SEQUENCER;
    /// @notice How long a batch can be replaced, seconds. Longer than a censor could keep a proof off L1.
    uint64 public immutable CHALLENGE_TIME;

    Hatch private _hatch;
    HatchTerms private _terms;
    uint64 private _tip;
    mapping(uint64 number => Accepted) private _accepted;

    event BatchAccepted(
        uint64 indexed number,
        bytes32 indexed batchHash,
        uint64 height,
        uint64 index,
        uint64 entryCount
    );
    event BatchesDropped(uint64 from, uint64 upTo);

    error InboxWrongNamespace(uint64 given, uint64 expected);
    error InboxMalformedEnvelope(uint256 length);
    error InboxNotTheSequencer(address given, address sequencer);
    error InboxNumberOutOfBounds(uint64 given, uint64 next);
    error InboxWrongParent(bytes32 given, bytes32 expected);
    error InboxNotEarlier(uint64 height, uint64 index, uint64 acceptedHeight, uint64 acceptedIndex);
    error InboxSameBatch(bytes32 batchHash);
    error InboxFinal(uint64 number, uint256 finalSince);

    /// @param genesis Parent of batch 1.
    constructor(
        IConfirmationVerifier verifier,
        uint64 namespace,
        address sequencer,
        bytes32 genesis,
        uint64 challengeTime,
        HatchTerms memory terms
    ) EIP712("ConfirmedInbox", "1") {
        VERIFIER = verifier;
        LIGHT_CLIENT = verifier.lightClient();
        NAMESPACE = namespace;
        SEQUENCER = sequencer;
        CHALLENGE_TIME = challengeTime;
        _terms = terms;
        _accepted[0].batchHash = genesis;
    }

    /* BATCHES */

    /// @notice Accepts the next batch, or replaces an accepted one by a batch that was confirmed before it.
    /// @param transaction The envelope `0x00 ‖ abi.encode(Batch, signature)` and its place in the namespace.
    function post(
        BlockProof calldata blockProof,
        NamespaceProof calldata namespaceProof,
        TransactionProof calldata transaction
    ) external {
        if (namespaceProof.entry.namespace != NAMESPACE) {
            revert InboxWrongNamespace(namespaceProof.entry.namespace, NAMESPACE);
        }
        VERIFIER.verifyTransaction(blockProof, namespaceProof, transaction);
        Batch memory batch = _openEnvelope(transaction.envelope);
        bytes32 batchHash = hashBatch(batch);

        if (batch.number == 0 || batch.number > _tip + 1) revert InboxNumberOutOfBounds(batch.number, _tip + 1);
        bytes32 expected = _accepted[batch.number - 1].batchHash;
        if (batch.parent != expected) revert InboxWrongParent(batch.parent, expected);

        if (batch.number <= _tip) _drop(batch.number, batchHash, blockProof.header.height, transaction.index);
        else if (_hatch.isOpen) includeQueue();

        uint64 entryCount = batch.entryCount < _hatch.tail ? batch.entryCount : _hatch.tail;
        if (entryCount > _hatch.head) _hatch.include(entryCount);
        _tip = batch.number;
        _accepted[batch.number] = Accepted({
            batchHash: batchHash,
            height: blockProof.header.height,
            index: transaction.index,
            acceptedAt: uint64(block.timestamp),
            entryCount: _hatch.head
        });

        emit BatchAccepted(batch.number, batchHash, blockProof.header.height, transaction.index, _hatch.head);
    }

    /// @notice While the hatch is open: makes all queued entries part of the input, behind the newest batch.
    function includeQueue() public {
        if (!_hatch.isOpen) revert EscapeHatch.HatchNotOpen();

        _hatch.include(_hatch.tail);
        _accepted[_tip].entryCount = _hatch.head;
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

    /// @notice Whether batch `number` can no longer be replaced.
    /// @dev Batches are accepted in order and a replaced one drops its successors, so those before are final as well.
    function isFinal(uint64 number) external view returns (bool) {
        return number <= _tip && block.timestamp >= _finalSince(number);
    }

    /// @notice The batch that counts at a number; all zero above the tip.
    function acceptedBatch(uint64 number) external view returns (Accepted memory accepted) {
        if (number <= _tip) accepted = _accepted[number];
    }

    /// @notice Number of the newest accepted batch.
    function tip() external view returns (uint64) {
        return _tip;
    }

    function hatch() external view returns (uint64 head, uint64 tail, bool isOpen, uint64 armedAt) {
        return (_hatch.head, _hatch.tail, _hatch.isOpen, _hatch.armedAt);
    }

    /// @notice keccak256 of (sender, data) of a queued entry.
    function entryHash(uint64 index) external view returns (bytes32) {
        return _hatch.entries[index].contentHash;
    }

    /// @notice EIP-712 struct hash of a batch.
    function hashBatch(Batch memory batch) public pure returns (bytes32) {
        return keccak256(abi.encode(BATCH_TYPE_HASH, batch));
    }

    /* INTERNAL */

    function _openEnvelope(bytes calldata envelope) private view returns (Batch memory batch) {
        if (envelope.length == 0 || envelope[0] != PLAIN) revert InboxMalformedEnvelope(envelope.length);

        bytes memory signature;
        (batch, signature) = abi.decode(envelope[1:], (Batch, bytes));
        address signer = ECDSA.recover(_hashTypedDataV4(hashBatch(batch)), signature);
        if (signer != SEQUENCER) revert InboxNotTheSequencer(signer, SEQUENCER);
    }

    /// @dev Checks that an accepted batch may be replaced, and drops its successors.
    function _drop(uint64 number, bytes32 batchHash, uint64 height, uint64 index) private {
        Accepted memory old = _accepted[number];

        if (batchHash == old.batchHash) revert InboxSameBatch(batchHash);
        if (block.timestamp >= _finalSince(number)) revert InboxFinal(number, _finalSince(number));
        if (height > old.height || (height == old.height && index >= old.index)) {
            revert InboxNotEarlier(height, index, old.height, old.index);
        }

        emit BatchesDropped(number, _tip);
    }

    function _finalSince(uint64 number) private view returns (uint256) {
        return number == 0 ? 0 : uint256(_accepted[number].acceptedAt) + CHALLENGE_TIME;
    }
}
