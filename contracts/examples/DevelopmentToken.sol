// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title DevelopmentToken
/// @notice A stake token FOR DEVELOPMENT ONLY: anyone mints any amount, so stake in it is worth nothing.
contract DevelopmentToken is ERC20Permit {
    constructor() ERC20("Crema Development Token", "DEVCREMA") ERC20Permit("Crema Development Token") {}

    /// @notice Gives `amount` to `to`, whoever asks.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
