// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {
    IStakeTable,
    KeyRecord,
    Parameter,
    Parameters,
    Pool,
    Position,
    StakeTableConfig,
    Ticket,
    Validator
} from "./interfaces/IStakeTable.sol";
import {Committees} from "./libraries/Committees.sol";
import {Governance} from "./libraries/Governance.sol";
import {Keys} from "./libraries/Keys.sol";
import {ParameterBounds} from "./libraries/ParameterBounds.sol";
import {StakePool} from "./libraries/Pools.sol";
import {Seats} from "./libraries/Seats.sol";
import {KeyState, QueuedValue, StakeState, Status, ValidatorState} from "./libraries/StakeState.sol";
import {CommitteeRecord} from "./types/Committee.sol";

/// @title StakeTableViews
/// @notice What the stake table tells, and how its actions look things up. It changes nothing.
abstract contract StakeTableViews is IStakeTable {
    using Committees for StakeState;
    using Keys for StakeState;

    /// @dev 1e18 = all.
    uint256 internal constant WAD = 1e18;

    /* IMMUTABLES */

    IERC20 internal immutable TOKEN;
    address internal immutable SLASHER;
    uint256 internal immutable ESCROW;
    uint256 internal immutable STAKE_UNIT;

    /* STORAGE */

    StakeState internal _state;

    constructor(StakeTableConfig memory config) {
        ParameterBounds.check(config);
        TOKEN = IERC20(config.token);
        SLASHER = config.slasher;
        ESCROW = config.escrow;
        STAKE_UNIT = config.stakeUnit;
        _state.parameters = config.parameters;
    }

    /* VIEWS */

    /// @inheritdoc IStakeTable
    function token() external view returns (address) {
        return address(TOKEN);
    }

    /// @inheritdoc IStakeTable
    function slasher() external view returns (address) {
        return SLASHER;
    }

    /// @inheritdoc IStakeTable
    function escrow() external view returns (uint256) {
        return ESCROW;
    }

    /// @inheritdoc IStakeTable
    function stakeUnit() external view returns (uint256) {
        return STAKE_UNIT;
    }

    /// @inheritdoc IStakeTable
    function parameters() external view returns (Parameters memory) {
        return _state.parameters;
    }

    /// @inheritdoc IStakeTable
    function queuedParameter(Parameter parameter) external view returns (uint256 value, uint40 effectiveAt) {
        QueuedValue memory queued = _state.queue[parameter];
        return (queued.value, queued.effectiveAt);
    }

    /// @inheritdoc IStakeTable
    function pausedUntil() external view returns (uint40) {
        return _state.head.pausedUntil;
    }

    /// @inheritdoc IStakeTable
    function validatorCount() external view returns (uint32) {
        return _state.head.validators;
    }

    /// @inheritdoc IStakeTable
    function validator(uint32 id) external view returns (Validator memory) {
        ValidatorState storage self = _state.validators[id];
        return
            Validator({
                operator: self.operator,
                commission: Governance.commissionOf(self),
                nextCommission: self.nextCommission,
                nextCommissionAt: self.nextCommissionAt,
                exitedAt: self.exitedAt,
                slashedAt: self.slashedAt,
                settled: self.status == Status.Settled,
                penalty: self.penalty,
                seat: self.seat,
                keyHash: self.keyHash,
                nextKeyHash: self.nextKeyHash,
                lockedShares: _lockedShares(self)
            });
    }

    /// @inheritdoc IStakeTable
    function slashedAt(uint32 id) external view returns (uint40) {
        return _state.validators[id].slashedAt;
    }

    /// @inheritdoc IStakeTable
    function pool(uint32 id) external view returns (Pool memory) {
        StakePool storage self = _state.pools[id];
        uint256 streamed = self.streamed();
        return Pool(self.assets + streamed, self.shares, self.streaming - streamed, self.streamEndsAt);
    }

    /// @inheritdoc IStakeTable
    function sharesOf(uint32 id, address owner) external view returns (uint256) {
        return _state.holdings[id][owner].shares;
    }

    /// @inheritdoc IStakeTable
    function keyOf(bytes32 keyHash) external view returns (KeyRecord memory) {
        return _state.recordOf(keyHash);
    }

    /// @inheritdoc IStakeTable
    function liability(bytes32 keyHash) external view returns (uint32 id, bool liable, uint40 time) {
        KeyState memory key = _state.keys[keyHash];
        id = key.id;
        ValidatorState storage self = _state.validators[id];
        uint256 ended = key.retiredAt;
        // Only an exit or a slash has written the slot that has its time.
        if (ended == 0 && self.status != Status.Active) ended = self.exitedAt;
        liable = key.currentAt != 0 && (ended == 0 || block.timestamp <= ended + ESCROW);
        time = self.slashedAt;
    }

    /// @inheritdoc IStakeTable
    function ticket(uint256 number) external view returns (Ticket memory) {
        return _state.tickets[number];
    }

    /// @inheritdoc IStakeTable
    function position(uint256 number) external view returns (Position memory) {
        return _state.positions[number];
    }

    /// @inheritdoc IStakeTable
    function activeStake() external view returns (uint256) {
        return _state.active.assets;
    }

    /// @inheritdoc IStakeTable
    function redelegationBudget(uint32 id) external view returns (uint256) {
        return _state.active.budget(_state.pools[id], _window());
    }

    /// @inheritdoc IStakeTable
    function seat(uint8 number) external view returns (uint32 id, uint256 stake) {
        uint256 counted = number < Seats.COUNT ? _state.seats.stakeOf(number) : 0;
        if (counted == 0) return (0, 0);
        stake = (counted - 1) * STAKE_UNIT;
        (id, , ) = _state.seats.occupantOf(number);
    }

    /// @inheritdoc IStakeTable
    function seatsTaken() external view returns (uint256 taken) {
        (, taken, , ) = _state.seats.survey();
    }

    /// @inheritdoc IStakeTable
    function newestCommittee() external view returns (uint64) {
        return _state.head.committees;
    }

    /// @inheritdoc IStakeTable
    function committee(uint64 id) external view returns (CommitteeRecord memory) {
        return _state.recordOf(id);
    }

    /// @inheritdoc IStakeTable
    function committeeStake() public view returns (uint256) {
        return _state.head.committeeUnits * STAKE_UNIT;
    }

    /// @inheritdoc IStakeTable
    function nextRotationAt() public view returns (uint256) {
        uint256 rotatedAt = _state.head.rotatedAt;
        return rotatedAt == 0 ? 0 : rotatedAt + _state.parameters.rotationInterval;
    }

    /* LOOKUPS */

    function _known(uint32 id) internal view returns (ValidatorState storage self) {
        self = _state.validators[id];
        if (self.status == Status.Unknown) revert StakeTableValidatorUnknown(id);
    }

    /// @dev Neither slashed nor unknown: stake may leave.
    function _unslashed(uint32 id) internal view returns (ValidatorState storage self) {
        self = _known(id);
        if (self.status > Status.Exited) revert StakeTableValidatorIsSlashed(id, self.slashedAt);
    }

    /// @dev Neither exited nor slashed: stake may come.
    function _serving(uint32 id) internal view returns (ValidatorState storage self) {
        self = _unslashed(id);
        if (self.status == Status.Exited) revert StakeTableValidatorHasExited(id, self.exitedAt);
    }

    function _operated(uint32 id) internal view returns (ValidatorState storage self) {
        self = _serving(id);
        if (msg.sender != self.operator) revert StakeTableNotOperator(msg.sender, self.operator);
    }

    function _lockedShares(ValidatorState storage self) internal view returns (uint256) {
        return self.lockedUnits * STAKE_UNIT;
    }

    function _window() internal view returns (uint256) {
        return block.timestamp / ESCROW;
    }

    /// @dev The part that a slash of `id` takes of stake that left it at `openedAt` and was liable until `until`.
    function _penalty(uint32 id, uint40 openedAt, uint40 until) internal view returns (uint256) {
        ValidatorState storage self = _state.validators[id];
        uint40 time = self.slashedAt;
        if (time < openedAt || time >= until) return 0;
        if (self.status != Status.Settled) revert StakeTableNotSettled(id, time);
        return self.penalty;
    }

    function _ticket(uint256 number) internal view returns (Ticket storage self) {
        self = _state.tickets[number];
        if (self.owner == address(0)) revert StakeTableTicketUnknown(number);
    }
}
