// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

using Pools for StakePool global;
using Pools for ActiveStake global;

/// @notice One validator's stake.
/// @param assets Stake. `shares` are over it.
/// @param window Window (time / U) to which the four counters below belong.
/// @param left What left in this window by undelegation or redelegation.
/// @param leftBefore What left in the window before.
/// @param start Stake at the start of this window.
/// @param redelegated What was redelegated out in this window.
/// @param isStreaming Whether `streaming` is not zero: spares its slot where there is nothing to add.
/// @param isLeaving Whether `left` or `leftBefore` is not zero: spares theirs.
/// @param streaming Rewards paid and not yet part of `assets`, as of `streamedAt`.
struct StakePool {
    uint104 assets;
    uint104 shares;
    uint32 window;
    bool isStreaming;
    bool isLeaving;
    uint104 left;
    uint104 leftBefore;
    uint104 start;
    uint104 redelegated;
    uint104 streaming;
    uint40 streamedAt;
    uint40 streamEndsAt;
}

/// @notice All active stake.
/// @param assets Sum over all pools that are not slashed.
/// @param start The same at the start of `window`.
/// @param redelegated What was redelegated in `redelegatedWindow`.
struct ActiveStake {
    uint104 assets;
    uint104 start;
    uint48 window;
    uint104 redelegated;
    uint48 redelegatedWindow;
}

/// @title Pools
/// @notice Arithmetic of shares, streams and windows. Nothing here reads a token balance, so donations change nothing.
///
/// ROUNDING favours the pool: shares minted and amounts paid are rounded down, so the price of a share never falls but by a
/// penalty. The price starts at one, and cannot be inflated against a later delegator, because the operator's first
/// shares are at least the minimum self-stake and locked until exit.
library Pools {
    using SafeCast for uint256;

    /// @notice Part of a pool and part of all stake that one window admits to redelegation: a tenth.
    uint256 internal constant BUDGET_DIVISOR = 10;

    /* WINDOWS */

    /// @notice Moves the counters to the current window. Must precede every change of `assets`.
    function roll(StakePool storage self, uint256 window) internal {
        uint256 last = self.window;
        if (last == window) return;
        if (self.isLeaving) {
            uint104 before = last + 1 == window ? self.left : 0;
            (self.left, self.leftBefore, self.isLeaving) = (0, before, before != 0);
        }
        (self.start, self.redelegated) = (self.assets, 0);
        self.window = uint32(window);
    }

    /// @notice Counts what leaves in this window.
    function leave(StakePool storage self, uint256 amount) internal {
        self.left += amount.toUint104();
        self.isLeaving = true;
    }

    /// @notice What left in this window and the one before.
    function leftLately(StakePool storage self, uint256 window) internal view returns (uint256) {
        if (!self.isLeaving) return 0;
        uint256 last = self.window;
        if (last == window) return uint256(self.left) + self.leftBefore;
        return last + 1 == window ? self.left : 0;
    }

    /// @notice Adds to and takes from all active stake; the first change in a window keeps what it started with.
    function change(ActiveStake storage self, uint256 added, uint256 removed, uint256 window) internal {
        uint256 assets = self.assets;
        if (self.window != window) {
            self.start = uint104(assets);
            self.window = uint48(window);
        }
        self.assets = (assets + added - removed).toUint104();
    }

    /// @notice What may still be redelegated out of a pool in `window`: a tenth of it and a tenth of all stake, both at the
    /// window's start, less what was.
    function budget(ActiveStake storage self, StakePool storage pool, uint256 window) internal view returns (uint256) {
        uint256 total = (self.window == window ? self.start : self.assets) / BUDGET_DIVISOR;
        uint256 spent = self.redelegatedWindow == window ? self.redelegated : 0;
        bool current = pool.window == window;
        uint256 own = (current ? pool.start : pool.assets) / BUDGET_DIVISOR;
        uint256 ownSpent = current ? pool.redelegated : 0;
        return Math.min(Math.saturatingSub(total, spent), Math.saturatingSub(own, ownSpent));
    }

    /// @notice Counts a redelegation against both budgets.
    function spend(ActiveStake storage self, StakePool storage pool, uint256 amount, uint256 window) internal {
        uint256 spent = self.redelegatedWindow == window ? self.redelegated : 0;
        self.redelegated = (spent + amount).toUint104();
        self.redelegatedWindow = uint48(window);
        pool.redelegated += amount.toUint104();
    }

    /* SHARES: all amounts are below 2^104, so their products fit a word. */

    function toShares(StakePool storage self, uint256 amount) internal view returns (uint256) {
        uint256 shares = self.shares;
        return shares == 0 ? amount : (amount * shares) / self.assets;
    }

    function toAssets(StakePool storage self, uint256 shares) internal view returns (uint256) {
        uint256 supply = self.shares;
        return supply == 0 ? 0 : (shares * self.assets) / supply;
    }

    function add(StakePool storage self, uint256 amount, uint256 shares) internal {
        self.assets = (self.assets + amount).toUint104();
        self.shares = (self.shares + shares).toUint104();
    }

    function remove(StakePool storage self, uint256 amount, uint256 shares) internal {
        self.assets = (self.assets - amount).toUint104();
        self.shares = (self.shares - shares).toUint104();
    }

    /* STREAMS */

    /// @notice What has streamed since `streamedAt`.
    function streamed(StakePool storage self) internal view returns (uint256) {
        if (!self.isStreaming) return 0;
        uint256 streaming = self.streaming;
        uint256 end = self.streamEndsAt;
        if (block.timestamp >= end) return streaming;
        uint256 start = self.streamedAt;
        return (streaming * (block.timestamp - start)) / (end - start);
    }

    /// @notice Makes what has streamed part of the pool.
    function accrue(StakePool storage self) internal returns (uint256 amount) {
        if (!self.isStreaming) return 0;
        amount = streamed(self);
        uint256 rest = self.streaming - amount;
        self.streaming = uint104(rest);
        self.streamedAt = uint40(block.timestamp);
        self.isStreaming = rest != 0;
        self.assets = (self.assets + amount).toUint104();
    }

    /// @notice Adds a reward to an accrued stream. Its end is the mean of the old and the new one, weighted by amounts, so
    /// that small payments cannot put off large ones.
    function stream(StakePool storage self, uint256 amount, uint256 duration) internal returns (uint40 endsAt) {
        uint256 streaming = self.streaming;
        uint256 remaining = Math.saturatingSub(self.streamEndsAt, block.timestamp);
        uint256 mean = Math.ceilDiv(streaming * remaining + amount * duration, streaming + amount);
        endsAt = uint40(block.timestamp + mean);
        self.streaming = (streaming + amount).toUint104();
        self.streamedAt = uint40(block.timestamp);
        self.streamEndsAt = endsAt;
        self.isStreaming = true;
    }

    /// @notice Ends a stream: what remains of it becomes part of the pool.
    function endStream(StakePool storage self) internal returns (uint256 amount) {
        if (!self.isStreaming) return 0;
        amount = self.streaming;
        self.streaming = 0;
        self.isStreaming = false;
        self.assets = (self.assets + amount).toUint104();
    }
}
