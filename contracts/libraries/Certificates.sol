// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";

import {BLS} from "./BLS.sol";
import {Committee} from "./CommitteeCode.sol";
import {CommitteeLib} from "../types/Committee.sol";

/// @title Certificates
/// @notice Verifies that members of a committee with a quorum of its weight signed one digest.
/// @dev Weight comes before any curve operation, so that what is cheap to refuse is refused cheaply. The signers' key is
/// the aggregate of all minus the absent ones: at most a third of the weight is absent, mostly few.
library Certificates {
    /// @notice The bitmap has exactly ceil(n / 8) bytes.
    error CertificateBitmapLengthWrong(uint256 given, uint256 required);
    /// @notice The bitmap has a bit at or beyond the committee's size.
    error CertificateBitmapOutOfBounds(bytes absent, uint256 size);
    error CertificateBelowQuorum(uint256 weight, uint256 required);
    error CertificateSignatureInvalid(bytes32 digest);

    /// @notice Reverts unless all members that are not absent signed `digest`, and have a quorum of the weight.
    function verify(
        Committee memory committee,
        bytes calldata absent,
        bytes32[4] calldata signature,
        bytes32 digest
    ) internal view {
        uint256 absentees = absentMembers(committee, absent);
        uint256 weight = committee.totalWeight - committee.weightOf(absentees);
        uint256 required = CommitteeLib.quorum(committee.totalWeight);
        if (weight < required) revert CertificateBelowQuorum(weight, required);
        if (!BLS.verify(committee.keyWithout(absentees), digest, signature)) {
            revert CertificateSignatureInvalid(digest);
        }
    }

    /// @notice The bitmap as a number whose bit i is member i.
    function absentMembers(Committee memory committee, bytes calldata absent) internal pure returns (uint256 members) {
        uint256 size = committee.size;
        uint256 required = (size + 7) / 8;
        if (absent.length != required) revert CertificateBitmapLengthWrong(absent.length, required);
        // At most 13 bytes. In each byte the first member is the lowest bit, so the last byte goes on top.
        members = uint256(Bytes.reverseBytes32(bytes32(absent)));
        if (members >> size != 0) revert CertificateBitmapOutOfBounds(absent, size);
    }
}
