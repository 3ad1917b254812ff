// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

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
import {QueuedValue, StakeState, Status, ValidatorState} from "./libraries/StakeState.sol";
import {CommitteeRecord} from "./types/Committee.sol";

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
contract StakeTable is IStakeTable, AccessManaged, ReentrancyGuardTransient {
    using Committees for StakeState;
    using Governance for StakeState;
    using Keys for StakeState;
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    uint256 private constant WAD = 1e18;
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant NETWORK_LENGTH_MIN = 33;
    uint256 private constant NETWORK_LENGTH_MAX = 512;
    uint256 private constant METADATA_LENGTH_MAX = 2048;
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    /* IMMUTABLES */

    IERC20 private immutable TOKEN;
    address private immutable SLASHER;
    uint256 private immutable ESCROW;
    uint256 private immutable STAKE_UNIT;
    bool private immutable TOKEN_BURNS;

    /* STORAGE */

    StakeState private _state;

    /* CONSTRUCTOR */

    constructor(StakeTableConfig memory config) AccessManaged(config.authority) {
        ParameterBounds.check(config);
        TOKEN = IERC20(config.token);
        SLASHER = config.slasher;
        ESCROW = config.escrow;
        STAKE_UNIT = config.stakeUnit;
        TOKEN_BURNS = _burns(config.token);
        _state.parameters = config.parameters;
    }

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
        uint256 minSelfStake = _state.parameters.minSelfStake;
        if (selfStake < minSelfStake) revert StakeTableAmountTooLow(selfStake, minSelfStake);
        if (commission > BASIS_POINTS) revert StakeTableCommissionTooHigh(commission, uint16(BASIS_POINTS));
        uint256 count = _state.head.validators;
        if (count == Seats.ID_MAX) revert StakeTableValidatorsExhausted(count);

        id = uint32(count + 1);
        bytes32 keyHash = _state.prove(id, key, possession);
        _state.keys[keyHash].currentAt = uint40(block.timestamp);
        ValidatorState storage self = _state.validators[id];
        self.operator = msg.sender;
        self.status = Status.Active;
        self.keyHash = keyHash;
        self.commission = commission;
        // The first share costs one, so shares are amounts here.
        self.lockedUnits = uint40(minSelfStake / STAKE_UNIT);
        _state.head.validators = id;
        StakePool storage stake = _state.pools[id];
        stake.window = uint48(_window());
        stake.add(selfStake, selfStake);
        _state.shares[id][msg.sender] = selfStake;
        _state.active.change(selfStake, 0, _window());

        emit ValidatorRegistered(id, msg.sender, commission);
        emit KeyRotated(id, keyHash);
        _announceNetwork(id, network);
        _announceMetadata(id, metadata);
        emit Delegated(id, msg.sender, selfStake, selfStake);

        _pull(selfStake);
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
        ValidatorState storage self = _operated(id);
        KeyRecord storage record = _state.keys[keyHash];
        if (record.id != id) revert StakeTableKeyNotOwned(keyHash, record.id, id);
        if (record.page == 0) revert StakeTableKeyNotSealed(keyHash);
        if (record.currentAt != 0) revert StakeTableKeyUsed(keyHash);

        self.nextKeyHash = keyHash;
        emit KeyRotationQueued(id, keyHash);
        if (self.seat == 0) {
            _state.advance(id);
        } else {
            _state.seats.queueKey(self.seat - 1);
            _state.roster.changed |= Committees.bit(self.seat - 1);
        }
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
        uint256 lost = Math.mulDiv(
            self.amount,
            _penalty(self.id, self.openedAt, self.unlockAt),
            WAD,
            Math.Rounding.Ceil
        );
        paid = self.amount - lost;

        delete _state.tickets[number];

        emit Withdrawn(number, self.owner, paid, lost);

        _burn(lost);
        _pay(self.owner, paid);
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
        uint256 lost = Math.mulDiv(
            self.shares,
            _penalty(self.from, self.openedAt, self.until),
            WAD,
            Math.Rounding.Ceil
        );
        uint256 burned = lost == 0 ? 0 : _cancel(self.to, lost);
        shares = self.shares - lost;

        delete _state.positions[number];
        _state.shares[self.to][self.owner] += shares;

        emit PositionReleased(number, self.owner, shares, lost);

        _burn(burned);
    }

    /// @inheritdoc IStakeTable
    function redeem(uint32 id, address owner) external nonReentrant returns (uint256 paid) {
        ValidatorState storage self = _known(id);
        if (self.status != Status.Settled) revert StakeTableNotSettled(id, self.slashedAt);
        uint256 shares = _state.shares[id][owner];
        if (shares == 0) revert StakeTableNothingToRedeem(id, owner);
        StakePool storage stake = _state.pools[id];
        paid = stake.toAssets(shares);

        _state.shares[id][owner] = 0;
        stake.remove(paid, shares);

        emit Redeemed(id, owner, shares, paid);

        _pay(owner, paid);
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

        _pull(amount);
        _pay(self.operator, commission);
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
        selfStake = slashed.toAssets(_state.shares[id][self.operator]);

        self.status = Status.Slashed;
        self.slashedAt = uint40(block.timestamp);
        _state.active.change(joined, stake, _window());
        if (self.seat != 0) _state.vacate(id);

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
        paid = Math.min(amount, _state.parameters.reporterCap - self.rewarded);

        self.rewarded += uint104(paid);

        emit ReporterRewarded(id, reporter, paid);

        _pay(reporter, paid);
    }

    /// @inheritdoc IStakeTable
    function settle(uint32 id, uint256 penalty) external onlySlasher nonReentrant {
        ValidatorState storage self = _known(id);
        if (self.status == Status.Settled) revert StakeTableAlreadySettled(id);
        if (self.status != Status.Slashed) revert StakeTableNotSlashed(id);
        if (penalty > WAD) revert StakeTablePenaltyTooHigh(penalty, WAD);
        StakePool storage stake = _state.pools[id];
        uint256 lost = Math.mulDiv(stake.assets, penalty, WAD, Math.Rounding.Ceil);
        uint256 burned = lost - self.rewarded;

        self.status = Status.Settled;
        self.penalty = uint64(penalty);
        stake.remove(lost, 0);

        emit ValidatorSettled(id, penalty, burned);

        _burn(burned);
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
        return _state.shares[id][owner];
    }

    /// @inheritdoc IStakeTable
    function keyOf(bytes32 keyHash) external view returns (KeyRecord memory) {
        return _state.keys[keyHash];
    }

    /// @inheritdoc IStakeTable
    function liability(bytes32 keyHash) external view returns (uint32 id, bool liable) {
        KeyRecord memory key = _state.keys[keyHash];
        id = key.id;
        uint256 ended = key.retiredAt != 0 ? key.retiredAt : _state.validators[id].exitedAt;
        liable = key.currentAt != 0 && (ended == 0 || block.timestamp <= ended + ESCROW);
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
        if (number >= Seats.COUNT) return (0, 0);
        (id, , ) = _state.seats.occupantOf(number);
        if (id != 0) stake = (_state.seats.stakeOf(number) - 1) * STAKE_UNIT;
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

    /* VALIDATORS, INTERNAL */

    function _known(uint32 id) private view returns (ValidatorState storage self) {
        self = _state.validators[id];
        if (self.status == Status.Unknown) revert StakeTableValidatorUnknown(id);
    }

    /// @dev Neither slashed nor unknown: stake may leave.
    function _unslashed(uint32 id) private view returns (ValidatorState storage self) {
        self = _known(id);
        if (self.status > Status.Exited) revert StakeTableValidatorIsSlashed(id, self.slashedAt);
    }

    /// @dev Neither exited nor slashed: stake may come.
    function _serving(uint32 id) private view returns (ValidatorState storage self) {
        self = _unslashed(id);
        if (self.status == Status.Exited) revert StakeTableValidatorHasExited(id, self.exitedAt);
    }

    function _operated(uint32 id) private view returns (ValidatorState storage self) {
        self = _serving(id);
        if (msg.sender != self.operator) revert StakeTableNotOperator(msg.sender, self.operator);
    }

    function _lockedShares(ValidatorState storage self) private view returns (uint256) {
        return self.lockedUnits * STAKE_UNIT;
    }

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

    function _window() private view returns (uint256) {
        return block.timestamp / ESCROW;
    }

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
        _state.shares[id][msg.sender] += shares;
        _state.active.change(amount, 0, _window());
        _syncSeat(self, stake);

        emit Delegated(id, msg.sender, amount, shares);

        _pull(amount);
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
        uint256 held = _state.shares[id][msg.sender];
        if (shares > held) revert StakeTableSharesExceeded(shares, held);
        uint256 locked = self.status == Status.Active && msg.sender == self.operator ? _lockedShares(self) : 0;
        if (held - shares < locked) revert StakeTableSelfStakeLocked(held - shares, locked);
        if (shares == stake.shares) _state.active.change(stake.endStream(), 0, _window());
        amount = stake.toAssets(shares);
        if (amount == 0) revert StakeTableAmountTooLow(0, 1);

        _state.shares[id][msg.sender] = held - shares;
        stake.remove(amount, shares);
        stake.left += uint104(amount);
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

    /// @dev The part that a slash of `id` takes of stake that left it at `openedAt` and was liable until `until`.
    function _penalty(uint32 id, uint40 openedAt, uint40 until) private view returns (uint256) {
        ValidatorState storage self = _state.validators[id];
        uint40 time = self.slashedAt;
        if (time < openedAt || time >= until) return 0;
        if (self.status != Status.Settled) revert StakeTableNotSettled(id, time);
        return self.penalty;
    }

    function _ticket(uint256 number) private view returns (Ticket storage self) {
        self = _state.tickets[number];
        if (self.owner == address(0)) revert StakeTableTicketUnknown(number);
    }

    /* TOKEN */

    function _pull(uint256 amount) private {
        uint256 balance = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - balance;
        if (received != amount) revert StakeTableTokenNotPlain(received, amount);
    }

    function _pay(address to, uint256 amount) private {
        if (amount != 0) TOKEN.safeTransfer(to, amount);
    }

    function _burn(uint256 amount) private {
        if (amount == 0) return;
        if (TOKEN_BURNS) {
            // A token that stops burning must not stop payouts.
            try IBurnable(address(TOKEN)).burn(amount) {
                return;
            } catch {}
        }
        TOKEN.safeTransfer(DEAD, amount);
    }

    /// @dev Asked once, with nothing to burn.
    function _burns(address given) private returns (bool) {
        try IBurnable(given).burn(0) {
            return true;
        } catch {
            return false;
        }
    }

    /* SEATS AND COMMITTEES, INTERNAL */

    function _syncSeat(ValidatorState storage self, StakePool storage stake) private {
        uint256 held = self.seat;
        if (held != 0) _state.seats.setUnits(held - 1, Seats.toUnits(stake.assets, STAKE_UNIT));
    }
}

/// @dev The part of ERC20Burnable that is asked for.
interface IBurnable {
    function burn(uint256 amount) external;
}
