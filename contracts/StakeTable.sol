// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IStakeTable, Parameter, Position, StakeTableConfig, Ticket} from "./interfaces/IStakeTable.sol";
import {Committees} from "./libraries/Committees.sol";
import {Governance} from "./libraries/Governance.sol";
import {Keys, Registration} from "./libraries/Keys.sol";
import {StakePool} from "./libraries/Pools.sol";
import {Seats} from "./libraries/Seats.sol";
import {Holding, StakeState, Status, ValidatorState} from "./libraries/StakeState.sol";
import {Tokens} from "./libraries/Tokens.sol";
import {StakeTableViews} from "./StakeTableViews.sol";

/// @title StakeTable
/// @notice Stake, validators, voting keys, seats and committees. See `IStakeTable` for what each function promises.
///
/// TRUST. Immutable, without owner. The slasher, fixed at deployment, may slash an id once and settle it; nobody else can
/// take stake. The access manager may queue parameters within bounds and pause `register` and `delegate` for a while.
///
/// STAKE. A pool's shares are over its `assets`, which only deposits, streamed rewards, payouts and penalties change.
/// Stake that leaves becomes a ticket or a position, liable for U. The token balance covers all pools, streams and tickets.
///
/// COMMITTEES. Seats keep their stake current with every action on a pool, so that `rotate()` reads 25 slots. A committee
/// is written as contract code once and never changes.
///
/// LOOPS. Over seats (100) and over the keys of one page (125); over nothing else.
contract StakeTable is AccessManaged, StakeTableViews, ReentrancyGuardTransient {
    using Committees for StakeState;
    using Governance for StakeState;
    using Keys for StakeState;
    using Tokens for IERC20;

    /* CONSTANTS */

    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant NETWORK_LENGTH_MIN = 33;
    uint256 private constant NETWORK_LENGTH_MAX = 512;
    uint256 private constant METADATA_LENGTH_MAX = 2048;

    /* CONSTRUCTOR */

    constructor(StakeTableConfig memory config) AccessManaged(config.authority) StakeTableViews(config) {}

    /* MODIFIERS */

    modifier onlySlasher() {
        if (msg.sender != SLASHER) revert StakeTableNotSlasher(msg.sender, SLASHER);
        _;
    }

    modifier whenNotPaused() {
        uint40 until = _state.head.pausedUntil;
        if (block.timestamp < until) revert StakeTablePaused(until);
        _;
    }

    /* VALIDATORS */

    /// @inheritdoc IStakeTable
    function register(
        bytes calldata key,
        bytes32[4] calldata possession,
        uint16 commission,
        bytes calldata network,
        string calldata metadata,
        uint256 selfStake
    ) external nonReentrant whenNotPaused returns (uint32 id) {
        id = _state.register(key, possession, Registration(selfStake, STAKE_UNIT, _window(), commission));
        _announceNetwork(id, network);
        _announceMetadata(id, metadata);

        TOKEN.pull(selfStake);
    }

    /// @inheritdoc IStakeTable
    function setCommission(uint32 id, uint16 commission) external {
        _operated(id);
        _state.setCommission(id, commission, ESCROW);
    }

    /// @inheritdoc IStakeTable
    function setNetwork(uint32 id, bytes calldata network) external {
        _operated(id);
        _announceNetwork(id, network);
    }

    /// @inheritdoc IStakeTable
    function setMetadata(uint32 id, string calldata metadata) external {
        _operated(id);
        _announceMetadata(id, metadata);
    }

    /// @inheritdoc IStakeTable
    function exit(uint32 id) external {
        ValidatorState storage self = _operated(id);

        self.status = Status.Exited;
        self.exitedAt = uint40(block.timestamp);
        if (self.seat != 0) _state.vacate(id);

        emit ValidatorExited(id);
    }

    /* KEYS */

    /// @inheritdoc IStakeTable
    function proveKey(uint32 id, bytes calldata key, bytes32[4] calldata possession) external {
        _operated(id);
        _state.prove(id, key, possession);
    }

    /// @inheritdoc IStakeTable
    function rotateKey(uint32 id, bytes32 keyHash) external {
        _operated(id);
        _state.queueKey(id, keyHash);
    }

    /// @inheritdoc IStakeTable
    function seal(bytes calldata keys) external returns (uint24 page) {
        return _state.seal(keys);
    }

    /* STAKE */

    /// @inheritdoc IStakeTable
    function delegate(
        uint32 id,
        uint256 amount,
        uint256 minShares
    ) external nonReentrant whenNotPaused returns (uint256 shares) {
        return _delegate(id, amount, minShares);
    }

    /// @inheritdoc IStakeTable
    function delegateWithPermit(
        uint32 id,
        uint256 amount,
        uint256 minShares,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant whenNotPaused returns (uint256 shares) {
        // Anyone can use up a permit that he saw in the mempool: its failure says nothing, the allowance does.
        try IERC20Permit(address(TOKEN)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return _delegate(id, amount, minShares);
    }

    /// @inheritdoc IStakeTable
    function undelegate(uint32 id, uint256 shares) external returns (uint256 number, uint256 amount) {
        ValidatorState storage self = _unslashed(id);
        StakePool storage stake = _touch(id);

        amount = _leave(id, self, stake, shares);
        _state.active.change(0, amount, _window());
        number = ++_state.ticketCount;
        uint40 time = uint40(block.timestamp);
        _state.tickets[number] = Ticket(msg.sender, id, time, time + uint40(ESCROW), uint104(amount));
        _syncSeat(self, stake);

        emit Undelegated(id, msg.sender, number, amount, shares);
    }

    /// @inheritdoc IStakeTable
    function transferTicket(uint256 number, address to) external {
        Ticket storage self = _ticket(number);
        if (msg.sender != self.owner) revert StakeTableNotTicketOwner(msg.sender, self.owner);
        if (to == address(0) || to == address(this)) revert StakeTableRecipientInvalid(to);

        self.owner = to;

        emit TicketTransferred(number, msg.sender, to);
    }

    /// @inheritdoc IStakeTable
    function withdraw(uint256 number) external nonReentrant returns (uint256 paid) {
        Ticket memory self = _ticket(number);
        if (block.timestamp < self.unlockAt) revert StakeTableTicketLocked(number, self.unlockAt);
        uint256 lost = Math.ceilDiv(self.amount * _penalty(self.id, self.openedAt, self.unlockAt), WAD);
        paid = self.amount - lost;

        delete _state.tickets[number];

        emit Withdrawn(number, self.owner, paid, lost);

        TOKEN.burn(lost);
        TOKEN.pay(self.owner, paid);
    }

    /// @inheritdoc IStakeTable
    function redelegate(
        uint32 from,
        uint32 to,
        uint256 shares,
        uint256 minShares
    ) external returns (uint256 number, uint256 sharesTo) {
        if (from == to) revert StakeTableRedelegationToSelf(from);
        ValidatorState storage source = _unslashed(from);
        ValidatorState storage target = _serving(to);
        StakePool storage left = _touch(from);
        StakePool storage joined = _touch(to);
        uint256 window = _window();
        _state.active.change(0, 0, window);
        uint256 available = _state.active.budget(left, window);

        uint256 amount = _leave(from, source, left, shares);
        if (amount > available) revert StakeTableRedelegationBudgetSpent(amount, available);
        _state.active.spend(left, amount, window);
        sharesTo = _mint(joined, amount, minShares);
        number = ++_state.positionCount;
        uint40 time = uint40(block.timestamp);
        _state.positions[number] = Position(msg.sender, from, to, time, time + uint40(ESCROW), uint104(sharesTo));
        _syncSeat(source, left);
        _syncSeat(target, joined);

        emit Redelegated(from, to, number, msg.sender, amount, shares, sharesTo);
    }

    /// @inheritdoc IStakeTable
    function release(uint256 number) external nonReentrant returns (uint256 shares) {
        Position memory self = _state.positions[number];
        if (self.owner == address(0)) revert StakeTablePositionUnknown(number);
        if (block.timestamp < self.until) revert StakeTablePositionHeld(number, self.until);
        uint256 lost = Math.ceilDiv(self.shares * _penalty(self.from, self.openedAt, self.until), WAD);
        uint256 burned = lost == 0 ? 0 : _cancel(self.to, lost);
        shares = self.shares - lost;

        delete _state.positions[number];
        _state.holdings[self.to][self.owner].shares += uint128(shares);

        emit PositionReleased(number, self.owner, shares, lost);

        TOKEN.burn(burned);
    }

    /// @inheritdoc IStakeTable
    function redeem(uint32 id, address owner) external nonReentrant returns (uint256 paid) {
        ValidatorState storage self = _known(id);
        if (self.status != Status.Settled) revert StakeTableNotSettled(id, self.slashedAt);
        Holding storage holding = _state.holdings[id][owner];
        uint256 shares = holding.shares;
        if (shares == 0) revert StakeTableNothingToRedeem(id, owner);
        StakePool storage stake = _state.pools[id];
        paid = stake.toAssets(shares);

        holding.shares = 0;
        stake.remove(paid, shares);

        emit Redeemed(id, owner, shares, paid);

        TOKEN.pay(owner, paid);
    }

    /// @inheritdoc IStakeTable
    function reward(uint32 id, uint256 amount) external nonReentrant {
        if (amount == 0) revert StakeTableAmountTooLow(0, 1);
        ValidatorState storage self = _serving(id);
        StakePool storage stake = _touch(id);
        uint256 commission = (amount * Governance.commissionOf(self)) / BASIS_POINTS;

        uint40 endsAt = stake.streamEndsAt;
        if (amount > commission) endsAt = stake.stream(amount - commission, _state.parameters.rotationInterval);
        _syncSeat(self, stake);

        emit RewardPaid(id, msg.sender, amount, commission, endsAt);

        TOKEN.pull(amount);
        TOKEN.pay(self.operator, commission);
    }

    /// @inheritdoc IStakeTable
    function accrue(uint32 id) external {
        ValidatorState storage self = _unslashed(id);
        _syncSeat(self, _touch(id));
    }

    /* SEATS AND COMMITTEES */

    /// @inheritdoc IStakeTable
    function takeSeat(uint32 id) external returns (uint8 number) {
        _operated(id);
        return _state.take(id, Seats.toUnits(_touch(id).assets, STAKE_UNIT), STAKE_UNIT);
    }

    /// @inheritdoc IStakeTable
    function leaveSeat(uint32 id) external {
        ValidatorState storage self = _operated(id);
        if (self.seat == 0) revert StakeTableSeatNotHeld(id);
        _state.vacate(id);
    }

    /// @inheritdoc IStakeTable
    function rotate() external returns (uint64 id) {
        uint256 due = nextRotationAt();
        if (block.timestamp < due) revert StakeTableRotationTooEarly(block.timestamp, due);
        return _state.rotate(STAKE_UNIT);
    }

    /* SLASHING */

    /// @inheritdoc IStakeTable
    function slash(
        uint32 id
    ) external onlySlasher returns (uint256 stake, uint256 left, uint256 total, uint256 selfStake) {
        ValidatorState storage self = _unslashed(id);
        StakePool storage slashed = _state.pools[id];
        // Nothing is redelegated out of a slashed pool, so its window need not start anew.
        uint256 joined = slashed.accrue() + slashed.endStream();
        stake = slashed.assets;
        left = slashed.leftLately(_window());
        total = _state.head.committees == 0 ? _state.active.assets + joined : committeeStake();
        selfStake = slashed.toAssets(_state.holdings[id][self.operator].shares);
        uint8 held = self.seat;

        self.seat = 0;
        self.status = Status.Slashed;
        self.slashedAt = uint40(block.timestamp);
        _state.active.change(joined, stake, _window());
        if (held != 0) {
            // A queued key never becomes current any more.
            _state.seats.free(held - 1);
            emit SeatVacated(held - 1, id);
        }

        emit ValidatorSlashed(id, stake, left, total);
    }

    /// @inheritdoc IStakeTable
    function rewardReporter(
        uint32 id,
        address reporter,
        uint256 amount
    ) external onlySlasher nonReentrant returns (uint256 paid) {
        ValidatorState storage self = _known(id);
        if (self.status != Status.Slashed) revert StakeTableNotSlashed(id);
        Holding storage holding = _state.holdings[id][self.operator];
        paid = Math.min(amount, _state.parameters.reporterCap - holding.rewarded);

        holding.rewarded += uint128(paid);

        emit ReporterRewarded(id, reporter, paid);

        TOKEN.pay(reporter, paid);
    }

    /// @inheritdoc IStakeTable
    function settle(uint32 id, uint256 penalty) external onlySlasher nonReentrant {
        ValidatorState storage self = _known(id);
        if (self.status == Status.Settled) revert StakeTableAlreadySettled(id);
        if (self.status != Status.Slashed) revert StakeTableNotSlashed(id);
        if (penalty > WAD) revert StakeTablePenaltyTooHigh(penalty, WAD);
        StakePool storage stake = _state.pools[id];
        uint256 lost = Math.ceilDiv(stake.assets * penalty, WAD);
        uint256 burned = lost - _state.holdings[id][self.operator].rewarded;

        self.status = Status.Settled;
        self.penalty = uint64(penalty);
        stake.remove(lost, 0);

        emit ValidatorSettled(id, penalty, burned);

        TOKEN.burn(burned);
    }

    /* GOVERNANCE */

    /// @inheritdoc IStakeTable
    function queueParameter(Parameter parameter, uint256 value) external restricted {
        _state.queueParameter(parameter, value, ESCROW, STAKE_UNIT);
    }

    /// @inheritdoc IStakeTable
    function cancelParameter(Parameter parameter) external restricted {
        _state.cancelParameter(parameter);
    }

    /// @inheritdoc IStakeTable
    function applyParameter(Parameter parameter) external {
        _state.applyParameter(parameter);
    }

    /// @inheritdoc IStakeTable
    function pause(uint40 duration) external restricted {
        _state.pause(duration);
    }

    /// @inheritdoc IStakeTable
    function unpause() external restricted {
        _state.unpause();
    }

    /* VALIDATORS, INTERNAL */

    function _announceNetwork(uint32 id, bytes calldata network) private {
        if (network.length < NETWORK_LENGTH_MIN || network.length > NETWORK_LENGTH_MAX) {
            revert StakeTableNetworkLengthInvalid(network.length, NETWORK_LENGTH_MIN, NETWORK_LENGTH_MAX);
        }
        emit NetworkChanged(id, network);
    }

    function _announceMetadata(uint32 id, string calldata metadata) private {
        uint256 length = bytes(metadata).length;
        if (length > METADATA_LENGTH_MAX) revert StakeTableMetadataTooLong(length, METADATA_LENGTH_MAX);
        emit MetadataChanged(id, metadata);
    }

    /* STAKE, INTERNAL */

    /// @dev Brings a pool's window and stream up to now. Precedes every change of it.
    function _touch(uint32 id) private returns (StakePool storage self) {
        self = _state.pools[id];
        uint256 window = _window();
        self.roll(window);
        uint256 accrued = self.accrue();
        if (accrued != 0) _state.active.change(accrued, 0, window);
    }

    function _delegate(uint32 id, uint256 amount, uint256 minShares) private returns (uint256 shares) {
        uint256 minDelegation = _state.parameters.minDelegation;
        if (amount < minDelegation) revert StakeTableAmountTooLow(amount, minDelegation);
        ValidatorState storage self = _serving(id);
        StakePool storage stake = _touch(id);

        shares = _mint(stake, amount, minShares);
        _state.holdings[id][msg.sender].shares += uint128(shares);
        _state.active.change(amount, 0, _window());
        _syncSeat(self, stake);

        emit Delegated(id, msg.sender, amount, shares);

        TOKEN.pull(amount);
    }

    function _mint(StakePool storage self, uint256 amount, uint256 minShares) private returns (uint256 shares) {
        shares = self.toShares(amount);
        if (shares == 0 || shares < minShares) revert StakeTableSharesTooFew(shares, Math.max(minShares, 1));
        self.add(amount, shares);
    }

    /// @dev Takes the caller's shares out of a pool. Whoever takes the last ones also gets what has not streamed yet.
    function _leave(
        uint32 id,
        ValidatorState storage self,
        StakePool storage stake,
        uint256 shares
    ) private returns (uint256 amount) {
        Holding storage holding = _state.holdings[id][msg.sender];
        uint256 held = holding.shares;
        if (shares > held) revert StakeTableSharesExceeded(shares, held);
        uint256 locked = self.status == Status.Active && msg.sender == self.operator ? _lockedShares(self) : 0;
        if (held - shares < locked) revert StakeTableSelfStakeLocked(held - shares, locked);
        if (shares == stake.shares) _state.active.change(stake.endStream(), 0, _window());
        amount = stake.toAssets(shares);
        if (amount == 0) revert StakeTableAmountTooLow(0, 1);

        holding.shares = uint128(held - shares);
        stake.remove(amount, shares);
        stake.leave(amount);
    }

    /// @dev Takes shares that nobody gets out of a pool; the caller burns what they were worth.
    function _cancel(uint32 id, uint256 shares) private returns (uint256 amount) {
        ValidatorState storage self = _known(id);
        if (self.status == Status.Slashed) revert StakeTableNotSettled(id, self.slashedAt);
        StakePool storage stake = _touch(id);
        amount = stake.toAssets(shares);

        stake.remove(amount, shares);
        if (self.status != Status.Settled) _state.active.change(0, amount, _window());
        _syncSeat(self, stake);
    }

    /* SEATS AND COMMITTEES, INTERNAL */

    function _syncSeat(ValidatorState storage self, StakePool storage stake) private {
        uint256 held = self.seat;
        if (held != 0) _state.seats.setUnits(held - 1, Seats.toUnits(stake.assets, STAKE_UNIT));
    }
}
