// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice A quorum's aggregate signature over one message, in the form that L1 takes.
/// @param viewNumber View in which the message was signed. Zero for a resume, which has no view.
/// @param absent Bitmap of the members that did not sign: bit i is byte i / 8, mask 1 << (i mod 8), where i is the
/// committee index. Exactly ceil(n / 8) bytes, with no bit at or beyond n.
/// @param signature Sum of the signers' signatures: a point of G1 as EIP-2537 encodes it, 128 bytes.
struct Certificate {
    uint64 viewNumber;
    bytes absent;
    bytes32[4] signature;
}
