// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {VoteLib} from "./Vote.sol";
import {Resume} from "./Resume.sol";

using EvidenceLib for Message global;

/// @notice The four messages that a validator's voting key signs.
enum MessageKind {
    Notarize,
    Nullify,
    Finalize,
    Resume
}

/// @notice One signed message, as evidence names it. Members that its kind does not have are zero, so that every
/// message has exactly one form.
/// @param kind Which message.
/// @param epoch Epoch of every kind.
/// @param viewNumber View of a vote; zero for a resume.
/// @param blockHash Block of `notarize`, `finalize` and `resume`; zero for `nullify`.
/// @param committee Committee that a resume installs; zero for a vote.
struct Message {
    MessageKind kind;
    uint64 epoch;
    uint64 viewNumber;
    bytes32 blockHash;
    uint64 committee;
}

/// @notice One validator's two messages under one signature.
/// @param key Public key: a point of G2 as EIP-2537 encodes it, 256 bytes.
/// @param first One message.
/// @param second The other one.
/// @param signature Sum of the key's signatures over both messages.
struct PairEvidence {
    bytes32[8] key;
    Message first;
    Message second;
    bytes32[4] signature;
}

/// @notice A message with a committee's certificate over it. It need not be a quorum's.
/// @param message What was signed.
/// @param committee Whose seats `absent` names.
/// @param absent Bitmap as in `Certificate`.
/// @param signature Sum of the signatures of all members that are not absent.
struct Statement {
    Message message;
    uint64 committee;
    bytes absent;
    bytes32[4] signature;
}

library EvidenceLib {
    /// @notice A member that the kind does not have is not zero.
    error MessageNotCanonical(Message message);

    /// @notice The EIP-712 struct hash of the message. Reverts when it is not in its one canonical form.
    function hash(Message memory self) internal pure returns (bytes32) {
        MessageKind kind = self.kind;
        if (kind == MessageKind.Resume) {
            if (self.viewNumber != 0) revert MessageNotCanonical(self);
            return Resume(self.epoch, self.blockHash, self.committee).hash();
        }
        if (self.committee != 0) revert MessageNotCanonical(self);
        if (kind == MessageKind.Notarize) return VoteLib.hashNotarize(self.epoch, self.viewNumber, self.blockHash);
        if (kind == MessageKind.Finalize) return VoteLib.hashFinalize(self.epoch, self.viewNumber, self.blockHash);
        if (self.blockHash != 0) revert MessageNotCanonical(self);
        return VoteLib.hashNullify(self.epoch, self.viewNumber);
    }

    /// @notice Whether one honest key never signs both: S1 to S4 in one (epoch, view), S5 in one epoch.
    /// @dev `notarize` with `nullify` is honest, and so is anything across two views.
    function conflicts(Message memory self, Message memory other) internal pure returns (bool) {
        if (self.epoch != other.epoch) return false;
        (MessageKind kind, MessageKind otherKind) = (self.kind, other.kind);
        if (kind == MessageKind.Resume || otherKind == MessageKind.Resume) {
            if (kind != otherKind) return false;
            return self.blockHash != other.blockHash || self.committee != other.committee; // S5
        }
        if (self.viewNumber != other.viewNumber) return false;
        if (kind == MessageKind.Nullify) return otherKind == MessageKind.Finalize; // S3
        if (otherKind == MessageKind.Nullify) return kind == MessageKind.Finalize; // S3
        return self.blockHash != other.blockHash; // S1, S2, S4
    }
}
