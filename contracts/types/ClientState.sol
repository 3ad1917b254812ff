// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

using ClientStateLib for ClientState global;

/// @notice Where the light client stands, in one word, so that an advance reads and writes one slot for all of it:
///
///     height 40 | epoch 30 | viewNumber 32 | committee 28 | code 24 | trustedUntil 34 | keptAt 34 | freshAt 34
///
/// from the lowest bit up. `committee` is the installed one and `code` the nonce of its code; both are zero before the
/// first. Times are seconds: `trustedUntil` is when trust in the installed committee ends (zero if it was ended),
/// `keptAt` when the ring was last written, `freshAt` from when the age of the latest checkpoint counts.
type ClientState is uint256;

/// @notice What ended trust in committees: the last freeze, in those created at or before it, and the last resume, in those
/// with an id below the one that it installed. Neither is ever lifted.
/// @param endedAt Time of the last freeze, seconds; zero if there was none.
/// @param resumed Committee that the last resume installed; zero if there was none.
/// @param frozen Whether no resume came since the last freeze.
struct Halt {
    uint64 endedAt;
    uint64 resumed;
    bool frozen;
}

/// @notice Seats of a committee that were reported as slashed: bit i is member i.
struct SlashedSeats {
    uint128 reported;
    uint64 weight;
    bool expired;
}

library ClientStateLib {
    /// @notice A value has outgrown its place. A thousand blocks a second fill 40 bits in thirty-four years.
    error ClientStateValueTooLarge(uint256 value, uint256 limit);

    uint256 private constant HEIGHT_MAX = (1 << 40) - 1;
    uint256 private constant EPOCH_MAX = (1 << 30) - 1;
    uint256 private constant VIEW_MAX = (1 << 32) - 1;
    uint256 private constant COMMITTEE_MAX = (1 << 28) - 1;
    uint256 private constant CODE_MAX = (1 << 24) - 1;
    uint256 private constant TIME_MAX = (1 << 34) - 1;

    uint256 private constant EPOCH_AT = 40;
    uint256 private constant VIEW_AT = 70;
    uint256 private constant COMMITTEE_AT = 102;
    uint256 private constant CODE_AT = 130;
    uint256 private constant TRUSTED_AT = 154;
    uint256 private constant KEPT_AT = 188;
    uint256 private constant FRESH_AT = 222;

    function height(ClientState self) internal pure returns (uint64) {
        return uint64(ClientState.unwrap(self) & HEIGHT_MAX);
    }

    function epoch(ClientState self) internal pure returns (uint64) {
        return uint64((ClientState.unwrap(self) >> EPOCH_AT) & EPOCH_MAX);
    }

    function viewNumber(ClientState self) internal pure returns (uint64) {
        return uint64((ClientState.unwrap(self) >> VIEW_AT) & VIEW_MAX);
    }

    function committee(ClientState self) internal pure returns (uint64) {
        return uint64((ClientState.unwrap(self) >> COMMITTEE_AT) & COMMITTEE_MAX);
    }

    function code(ClientState self) internal pure returns (uint24) {
        return uint24((ClientState.unwrap(self) >> CODE_AT) & CODE_MAX);
    }

    function trustedUntil(ClientState self) internal pure returns (uint256) {
        return (ClientState.unwrap(self) >> TRUSTED_AT) & TIME_MAX;
    }

    function keptAt(ClientState self) internal pure returns (uint256) {
        return (ClientState.unwrap(self) >> KEPT_AT) & TIME_MAX;
    }

    function freshAt(ClientState self) internal pure returns (uint256) {
        return ClientState.unwrap(self) >> FRESH_AT;
    }

    /// @notice The state at another block.
    function withBlock(
        ClientState self,
        uint256 height_,
        uint256 epoch_,
        uint256 viewNumber_,
        uint256 freshAt_
    ) internal pure returns (ClientState) {
        uint256 kept =
            (COMMITTEE_MAX << COMMITTEE_AT) | (CODE_MAX << CODE_AT) | (TIME_MAX << TRUSTED_AT) | (TIME_MAX << KEPT_AT);
        return
            ClientState.wrap(
                (ClientState.unwrap(self) & kept) |
                    _fit(height_, HEIGHT_MAX) |
                    (_fit(epoch_, EPOCH_MAX) << EPOCH_AT) |
                    (_fit(viewNumber_, VIEW_MAX) << VIEW_AT) |
                    (_fit(freshAt_, TIME_MAX) << FRESH_AT)
            );
    }

    /// @notice The state under another committee.
    function withCommittee(
        ClientState self,
        uint256 committee_,
        uint24 code_,
        uint256 trustedUntil_
    ) internal pure returns (ClientState) {
        uint256 word = _clear(self, (COMMITTEE_MAX << COMMITTEE_AT) | (CODE_MAX << CODE_AT) | (TIME_MAX << TRUSTED_AT));
        return
            ClientState.wrap(
                word |
                    (_fit(committee_, COMMITTEE_MAX) << COMMITTEE_AT) |
                    (uint256(code_) << CODE_AT) |
                    (_fit(trustedUntil_, TIME_MAX) << TRUSTED_AT)
            );
    }

    function withKeptAt(ClientState self, uint256 time) internal pure returns (ClientState) {
        return ClientState.wrap(_clear(self, TIME_MAX << KEPT_AT) | (_fit(time, TIME_MAX) << KEPT_AT));
    }

    function withoutTrust(ClientState self) internal pure returns (ClientState) {
        return ClientState.wrap(_clear(self, TIME_MAX << TRUSTED_AT));
    }

    function _clear(ClientState self, uint256 mask) private pure returns (uint256) {
        return ClientState.unwrap(self) & ~mask;
    }

    function _fit(uint256 value, uint256 limit) private pure returns (uint256) {
        if (value > limit) revert ClientStateValueTooLarge(value, limit);
        return value;
    }
}
