// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IStakeTable} from "../interfaces/IStakeTable.sol";

/// @title Tokens
/// @notice How the stake table takes, pays and burns its token.
library Tokens {
    using SafeERC20 for IERC20;

    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    /// @notice Takes an amount from the caller. Refuses a token that does not deliver just that.
    function pull(IERC20 self, uint256 amount) internal {
        uint256 balance = self.balanceOf(address(this));
        self.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = self.balanceOf(address(this)) - balance;
        if (received != amount) revert IStakeTable.StakeTableTokenNotPlain(received, amount);
    }

    function pay(IERC20 self, address to, uint256 amount) internal {
        if (amount != 0) self.safeTransfer(to, amount);
    }

    /// @notice Burns an amount of this contract's own. Never reverts: a token that does not burn must not stop payouts.
    function burn(IERC20 self, uint256 amount) internal {
        if (amount == 0) return;
        uint256 balance = self.balanceOf(address(this));
        // Not every token burns, and some take any call without doing anything: what counts is what is left.
        try IBurnable(address(self)).burn(amount) {} catch {}
        if (self.balanceOf(address(this)) < balance) return;
        // One that does not even let it go keeps it here, where no claim reaches it.
        if (!self.trySafeTransfer(DEAD, amount)) emit IStakeTable.BurnFailed(amount);
    }
}

/// @dev The part of ERC20Burnable that is asked for.
interface IBurnable {
    function burn(uint256 amount) external;
}
