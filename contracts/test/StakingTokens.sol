// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

import {DevelopmentToken} from "../examples/DevelopmentToken.sol";

/// @title FeeToken
/// @notice Keeps a hundredth of each transfer: not plain.
contract FeeToken is DevelopmentToken {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(1), value / 100);
    }
}

/// @title BurnableToken
/// @notice Can burn, so that nothing goes to the dead address.
contract BurnableToken is DevelopmentToken, ERC20Burnable {}

/// @title StubbornToken
/// @notice Says that it can burn, and then does not.
contract StubbornToken is DevelopmentToken {
    error StubbornTokenKeeps(uint256 amount);

    function burn(uint256 amount) external pure {
        if (amount != 0) revert StubbornTokenKeeps(amount);
    }
}

/// @title ReentrantToken
/// @notice Calls another contract during each transfer while it is armed, and keeps what came of it.
contract ReentrantToken is DevelopmentToken {
    address public callee;
    bytes public data;
    bytes public outcome;

    function arm(address callee_, bytes calldata data_) external {
        (callee, data) = (callee_, data_);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (callee == address(0)) return;
        address armed = callee;
        callee = address(0);
        // solhint-disable-next-line avoid-low-level-calls
        (, outcome) = armed.call(data);
    }
}

/// @title DeafToken
/// @notice Takes every call, as a wrapped coin with a fallback does, and burns nothing.
contract DeafToken is DevelopmentToken {
    fallback() external {}
}

/// @title ClingingToken
/// @notice Neither burns nor goes to the dead address: it reverts, or only says no.
contract ClingingToken is DevelopmentToken {
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;
    bool public isQuiet;

    error ClingingTokenStays(uint256 amount);

    function setQuiet(bool isQuiet_) external {
        isQuiet = isQuiet_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (to != DEAD) return super.transfer(to, amount);
        if (!isQuiet) revert ClingingTokenStays(amount);
        return false;
    }
}
