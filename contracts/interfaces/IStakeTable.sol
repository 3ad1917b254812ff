// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {CommitteeRecord} from "../types/Committee.sol";

/// @notice Everything that governance may change, each within bounds that the contract enforces and after a delay of
/// at least the escrow period.
enum Parameter {
    Seats,
    MinSelfStake,
    MinSeatStake,
    MinCommitteeStake,
    MinDelegation,
    RotationInterval,
    ReporterCap
}

/// @notice The parameters in force. Amounts are in the token's smallest unit, times in seconds.
/// @param seats Most seats that may be occupied. 4 to 100.
/// @param rotationInterval Least time between two `rotate()`; rewards stream over it.
/// @param minSeatStake Least active stake that takes or keeps a seat.
/// @param minCommitteeStake Least stake of all seats together for which `rotate()` makes a committee.
/// @param minSelfStake Least stake an operator registers with; locked until exit, in whole stake units.
/// @param minDelegation Least amount of one `delegate`.
/// @param reporterCap Most that the reporter of one offence gets.
struct Parameters {
    uint8 seats;
    uint40 rotationInterval;
    uint104 minSeatStake;
    uint104 minCommitteeStake;
    uint104 minSelfStake;
    uint104 minDelegation;
    uint104 reporterCap;
}

/// @notice What a stake table is made with. All but `parameters` is immutable.
/// @param token A plain ERC-20: no fee on transfer, no rebase, no callback.
/// @param slasher The only account that may slash and settle.
/// @param authority AccessManager of the parameter queue and of the guardian.
/// @param escrow U: how long stake that leaves stays liable, seconds.
/// @param stakeUnit Token amount of one unit of a seat's stake, of which a seat counts fewer than 2^32.
/// @param parameters Their first values.
struct StakeTableConfig {
    address token;
    address slasher;
    address authority;
    uint40 escrow;
    uint104 stakeUnit;
    Parameters parameters;
}

/// @notice A validator. Coming back after an exit means a new id with a new key.
/// @param operator Account that registered it and alone manages it.
/// @param commission Share of each reward that goes to the operator, in basis points.
/// @param nextCommission Commission in force from `nextCommissionAt` on; meaningless while that is zero.
/// @param nextCommissionAt Time at which a queued increase takes effect; zero when none is queued.
/// @param exitedAt Time of exit; zero while it has not exited.
/// @param slashedAt Time of the only slash; zero while there is none.
/// @param settled Whether the slash was settled.
/// @param penalty Part of the stake that the settled slash took, 1e18 = all.
/// @param seat Seat number plus one; zero without a seat.
/// @param keyHash The current key.
/// @param nextKeyHash Key that becomes current at the next `rotate()`; zero when none.
/// @param lockedShares Operator's shares that cannot leave before exit.
struct Validator {
    address operator;
    uint16 commission;
    uint16 nextCommission;
    uint40 nextCommissionAt;
    uint40 exitedAt;
    uint40 slashedAt;
    bool settled;
    uint64 penalty;
    uint8 seat;
    bytes32 keyHash;
    bytes32 nextKeyHash;
    uint256 lockedShares;
}

/// @notice A registered voting key. A key is registered once for ever and belongs to one validator.
/// @param id Its validator; zero when the key is unknown.
/// @param page Nonce that names the code page which holds it; zero while it waits for `seal`.
/// @param slot Its place in the page.
/// @param currentAt Time since when it is, or was, the validator's current key; zero while it never was.
/// @param retiredAt Time at which `rotateKey` took it out; zero while it was not.
struct KeyRecord {
    uint32 id;
    uint24 page;
    uint8 slot;
    uint40 currentAt;
    uint40 retiredAt;
}

/// @notice The active stake of one validator.
/// @param assets Stake, without rewards that are still streaming.
/// @param shares Shares over that stake.
/// @param streaming Rewards paid and not yet part of `assets`.
/// @param streamEndsAt When the last of them will be.
struct Pool {
    uint256 assets;
    uint256 shares;
    uint256 streaming;
    uint256 streamEndsAt;
}

/// @notice A claim on undelegated stake.
/// @param owner Who is paid; may be changed by `transferTicket`.
/// @param id Validator it was undelegated from.
/// @param openedAt Time of the undelegation.
/// @param unlockAt openedAt + U. It is liable iff openedAt <= slashedAt < unlockAt.
/// @param amount Plain token amount.
struct Ticket {
    address owner;
    uint32 id;
    uint40 openedAt;
    uint40 unlockAt;
    uint104 amount;
}

/// @notice Stake on its way from one validator to another: it counts for the second, and is liable for both.
/// @param owner Who gets the shares.
/// @param from Validator that it left; liable iff openedAt <= slashedAt(from) < until.
/// @param to Validator that it joined.
/// @param openedAt Time of the redelegation.
/// @param until openedAt + U.
/// @param shares Shares of `to`.
struct Position {
    address owner;
    uint32 from;
    uint32 to;
    uint40 openedAt;
    uint40 until;
    uint104 shares;
}

/// @title IStakeTable
/// @notice Stake, validators, voting keys, seats and committees.
///
/// EVENTS. Every state that an off-chain reader needs can be rebuilt from the events alone. Validator ids count from 1,
/// committee ids from 1, seats from 0.
///
/// KEYS. A key is given and emitted as the 192 bytes x.c0, x.c1, y.c0, y.c1 (48 bytes big-endian each, as EIP-2537
/// orders them, without its padding); `keyHash` is their keccak256. A proof of possession is a point of G1 as EIP-2537
/// encodes it, over the EIP-712 digest of `Register(address validator,bytes32 keyHash)` in the domain without salt.
///
/// TOKEN. Assumed plain: a transfer moves exactly its amount, balances change by transfers only, no callbacks. Fees on
/// transfer are detected and refused; rebasing is unsupported.
///
/// LIVENESS. Nothing but `register`, `delegate` and their variants can be paused, for at most seven days in sixty. No
/// account can stop undelegation, withdrawal, exit, seal, rotate, slash or settle.
interface IStakeTable {
    /* EVENTS */

    /// @notice A validator was registered. `KeyProven`, `KeyRotated`, `NetworkChanged`, `MetadataChanged` and
    /// `Delegated` of the same transaction complete it.
    event ValidatorRegistered(uint32 indexed id, address indexed operator, uint16 commission);

    /// @notice A validator left for good. Its keys stay liable for U.
    event ValidatorExited(uint32 indexed id);

    /// @notice A validator was slashed and is tombstoned.
    /// @param stake Its pool before the slash.
    /// @param left What left the pool by undelegation or redelegation in this window and the one before.
    /// @param committeeStake Unscaled stake of the newest committee.
    event ValidatorSlashed(uint32 indexed id, uint256 stake, uint256 left, uint256 committeeStake);

    /// @notice A slash got its final penalty (1e18 = all); shares redeem from now on.
    event ValidatorSettled(uint32 indexed id, uint256 penalty, uint256 burned);

    /// @notice The token neither burned this nor let it go to 0x…dEaD: it stays in the stake table, claimed by nobody.
    event BurnFailed(uint256 amount);
    /// @notice A reporter was paid out of a slashed pool.
    event ReporterRewarded(uint32 indexed id, address indexed reporter, uint256 amount);

    /// @notice An increase takes effect at `effectiveAt`; a decrease is in force at once.
    event CommissionChanged(uint32 indexed id, uint16 commission, uint40 effectiveAt);

    /// @notice network = ed25519 transport key (32 bytes) followed by a multiaddr.
    event NetworkChanged(uint32 indexed id, bytes network);

    event MetadataChanged(uint32 indexed id, string uri);

    /// @notice A key proved its possession and waits for `seal`.
    event KeyProven(uint32 indexed id, bytes32 indexed keyHash, bytes key);

    /// @notice Keys were written to a code page, in order of their slots. The page is the account that the stake table
    /// created with its nonce `page`.
    event PageSealed(uint24 indexed page, bytes32[] keyHashes);

    /// @notice The key becomes current at the next `rotate()` (at once for a validator without a seat).
    event KeyRotationQueued(uint32 indexed id, bytes32 indexed keyHash);

    /// @notice The current key of a validator is `keyHash` from here on. A predecessor stays liable for U.
    event KeyRotated(uint32 indexed id, bytes32 indexed keyHash);

    event SeatTaken(uint8 indexed seat, uint32 indexed id);
    event SeatVacated(uint8 indexed seat, uint32 indexed id);

    /// @notice `rotate()` made a committee. The L1 block and time of this event are those of its creation.
    /// @param nonce Names the account whose code describes it: the one that the stake table created with this nonce. A
    /// committee that is the same as the one before has the same.
    /// @param randomness prevrandao of this block: seed of the leader choice.
    /// @param stake Unscaled stake of all members, token amount.
    /// @param description That code (see `CommitteeCode`): weights, and where the members' keys stand. `PageSealed` says
    /// which keys those are, `KeyProven` whose.
    event CommitteeCreated(uint64 indexed id, uint24 nonce, bytes32 randomness, uint256 stake, bytes description);

    event Delegated(uint32 indexed id, address indexed owner, uint256 amount, uint256 shares);
    event Undelegated(uint32 indexed id, address indexed owner, uint256 indexed ticket, uint256 amount, uint256 shares);
    event TicketTransferred(uint256 indexed ticket, address indexed from, address indexed to);
    event Withdrawn(uint256 indexed ticket, address indexed owner, uint256 paid, uint256 burned);
    event Redelegated(
        uint32 indexed from,
        uint32 indexed to,
        uint256 indexed position,
        address owner,
        uint256 amount,
        uint256 sharesFrom,
        uint256 sharesTo
    );
    event PositionReleased(uint256 indexed position, address indexed owner, uint256 shares, uint256 burnedShares);
    event Redeemed(uint32 indexed id, address indexed owner, uint256 shares, uint256 paid);

    /// @notice A reward was paid to a validator: `commission` went to its operator, the rest streams until `endsAt`.
    event RewardPaid(uint32 indexed id, address indexed from, uint256 amount, uint256 commission, uint40 endsAt);

    event ParameterQueued(Parameter indexed parameter, uint256 value, uint40 effectiveAt);
    event ParameterCancelled(Parameter indexed parameter);
    event ParameterApplied(Parameter indexed parameter, uint256 value);
    event Paused(uint40 until);
    event Unpaused();

    /* ERRORS */

    error StakeTableConfigInvalid(bytes32 field);
    error StakeTableValidatorUnknown(uint32 id);
    error StakeTableValidatorsExhausted(uint256 limit);
    error StakeTableNotOperator(address given, address required);
    error StakeTableNotSlasher(address given, address required);
    error StakeTableValidatorHasExited(uint32 id, uint40 exitedAt);
    error StakeTableValidatorIsSlashed(uint32 id, uint40 slashedAt);
    error StakeTableNotSlashed(uint32 id);
    error StakeTableNotSettled(uint32 id, uint40 slashedAt);
    error StakeTableAlreadySettled(uint32 id);
    error StakeTablePenaltyTooHigh(uint256 given, uint256 limit);
    error StakeTablePaused(uint40 until);

    error StakeTableKeyLengthInvalid(uint256 given, uint256 unit);
    error StakeTableKeyKnown(bytes32 keyHash, uint32 id);
    error StakeTableKeyUnknown(bytes32 keyHash);
    error StakeTableKeyNotOwned(bytes32 keyHash, uint32 owner, uint32 id);
    error StakeTableKeyNotSealed(bytes32 keyHash);
    error StakeTableKeyUsed(bytes32 keyHash);
    error StakeTablePossessionUnproven(bytes32 keyHash);
    error StakeTableNothingToSeal();
    error StakeTablePageOverflow(uint256 keys, uint256 limit);

    error StakeTableCommissionTooHigh(uint16 given, uint16 limit);
    error StakeTableCommissionUnchanged(uint16 commission);
    error StakeTableNetworkLengthInvalid(uint256 given, uint256 atLeast, uint256 atMost);
    error StakeTableMetadataTooLong(uint256 given, uint256 limit);

    error StakeTableAmountTooLow(uint256 given, uint256 required);
    error StakeTableSharesTooFew(uint256 given, uint256 required);
    error StakeTableSharesExceeded(uint256 given, uint256 available);
    error StakeTableSelfStakeLocked(uint256 remaining, uint256 locked);
    error StakeTableTokenNotPlain(uint256 received, uint256 required);
    error StakeTableRecipientInvalid(address recipient);

    error StakeTableTicketUnknown(uint256 ticket);
    error StakeTableTicketLocked(uint256 ticket, uint40 unlockAt);
    error StakeTableNotTicketOwner(address given, address required);
    error StakeTablePositionUnknown(uint256 position);
    error StakeTablePositionHeld(uint256 position, uint40 until);
    error StakeTableRedelegationToSelf(uint32 id);
    error StakeTableRedelegationBudgetSpent(uint256 given, uint256 available);
    error StakeTableNothingToRedeem(uint32 id, address owner);

    error StakeTableSeatHeld(uint32 id, uint8 seat);
    error StakeTableSeatNotHeld(uint32 id);
    error StakeTableSeatStakeTooLow(uint256 given, uint256 required);
    error StakeTableRotationTooEarly(uint256 time, uint256 required);
    error StakeTableSeatsTooFew(uint256 given, uint256 required);
    error StakeTableCommitteeStakeTooLow(uint256 given, uint256 required);

    error StakeTableParameterOutOfBounds(Parameter parameter, uint256 given, uint256 atLeast, uint256 atMost);
    error StakeTableParameterNotQueued(Parameter parameter);
    error StakeTableParameterNotDue(Parameter parameter, uint40 effectiveAt);
    error StakeTablePauseTooLong(uint256 given, uint256 limit);
    error StakeTablePauseTooSoon(uint256 time, uint256 required);

    /* VALIDATORS */

    /// @notice Registers a validator with its first key and the operator's own stake, part of which (the minimum) stays
    /// locked until exit + U.
    /// @param key 192 bytes.
    /// @param possession Proof of possession by `key` over `Register(msg.sender, keyHash)`.
    /// @param commission Basis points.
    /// @param network ed25519 transport key (32 bytes) followed by a multiaddr; at most 512 bytes.
    /// @param metadata URI, at most 2048 bytes.
    /// @param selfStake At least `minSelfStake`; pulled from the caller.
    function register(
        bytes calldata key,
        bytes32[4] calldata possession,
        uint16 commission,
        bytes calldata network,
        string calldata metadata,
        uint256 selfStake
    ) external returns (uint32 id);

    /// @notice A decrease is in force at once. An increase is at most 500 basis points above the commission in force, and
    /// takes effect after U; it replaces one that is queued.
    function setCommission(uint32 id, uint16 commission) external;

    function setNetwork(uint32 id, bytes calldata network) external;

    function setMetadata(uint32 id, string calldata metadata) external;

    /// @notice Leaves for good: the seat is vacated, the self-stake unlocked; keys stay liable for U.
    function exit(uint32 id) external;

    /* KEYS */

    /// @notice Registers one more key for a validator. It waits for `seal` and then for `rotateKey`.
    function proveKey(uint32 id, bytes calldata key, bytes32[4] calldata possession) external;

    /// @notice Makes a sealed key of this validator its next one: current from the next `rotate()` on, or at once when
    /// the validator has no seat. The old key stays liable for U. A key that was current before cannot come back.
    function rotateKey(uint32 id, bytes32 keyHash) external;

    /// @notice Writes waiting keys to one new code page. Permissionless. Keys that are sealed already are skipped, so
    /// that no one can spoil a page by sealing one of its keys first.
    /// @param keys Concatenation of at most 125 keys of 192 bytes.
    /// @return page Nonce that names the page.
    function seal(bytes calldata keys) external returns (uint24 page);

    /* STAKE */

    /// @notice Stakes `amount` with a validator.
    /// @param minShares Least shares that the caller accepts; zero shares are never minted.
    function delegate(uint32 id, uint256 amount, uint256 minShares) external returns (uint256 shares);

    /// @notice As `delegate`, with an ERC-2612 permit. A permit that fails is ignored: the allowance decides.
    function delegateWithPermit(
        uint32 id,
        uint256 amount,
        uint256 minShares,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 shares);

    /// @notice Turns shares into a ticket, payable after U. Any number may be open at once.
    function undelegate(uint32 id, uint256 shares) external returns (uint256 ticket, uint256 amount);

    function transferTicket(uint256 ticket, address to) external;

    /// @notice Pays a ticket to its owner. Permissionless. A liable ticket is paid after `settle`, less the penalty.
    function withdraw(uint256 ticket) external returns (uint256 paid);

    /// @notice Moves stake to another validator at once. Until `openedAt + U` it can neither move nor be undelegated, and
    /// is liable for both. A window of length U admits a tenth of all active stake, and a tenth of any one pool.
    function redelegate(
        uint32 from,
        uint32 to,
        uint256 shares,
        uint256 minShares
    ) external returns (uint256 position, uint256 sharesTo);

    /// @notice Gives the shares of a position to its owner. Permissionless. When `from` was slashed meanwhile, its
    /// penalty is taken from them first, after it settled (and after `to` settled, if that was slashed too).
    function release(uint256 position) external returns (uint256 shares);

    /// @notice After `settle`, pays the shares of `owner` in a slashed validator at once. Permissionless.
    function redeem(uint32 id, address owner) external returns (uint256 paid);

    /// @notice Pays a reward to a validator's pool: commission at once to the operator, the rest streamed over a
    /// rotation interval. Refused for exited and slashed validators.
    function reward(uint32 id, uint256 amount) external;

    /// @notice Adds what has streamed so far to the pool and to the seat's stake. Permissionless.
    function accrue(uint32 id) external;

    /* SEATS AND COMMITTEES */

    /// @notice Takes a free seat, or displaces the lowest one (strictly; among equals the highest seat number). By the
    /// operator.
    function takeSeat(uint32 id) external returns (uint8 seat);

    /// @notice Gives a seat up. By the operator.
    function leaveSeat(uint32 id) external;

    /// @notice Makes the next committee from the seats. Permissionless, at most once per `rotationInterval`. Always makes a
    /// new id.
    function rotate() external returns (uint64 id);

    /* SLASHING */

    /// @notice Tombstones a validator. By the slasher, once per id.
    /// @return stake Its pool, rewards still streaming included.
    /// @return left What left the pool by undelegation or redelegation in this window and the one before.
    /// @return committeeStake Unscaled stake of the newest committee; all active stake before there is one.
    /// @return selfStake The operator's own part of the pool.
    function slash(uint32 id) external returns (uint256 stake, uint256 left, uint256 committeeStake, uint256 selfStake);

    /// @notice Pays the reporter out of a slashed pool. By the slasher, in the transaction of `slash`; capped here by
    /// `reporterCap`.
    function rewardReporter(uint32 id, address reporter, uint256 amount) external returns (uint256 paid);

    /// @notice Takes the final penalty (1e18 = all) from a slashed pool and burns it. By the slasher, once per id.
    function settle(uint32 id, uint256 penalty) external;

    /* GOVERNANCE */

    /// @notice Queues a new value. Restricted by the access manager; in force when anyone applies it after U.
    function queueParameter(Parameter parameter, uint256 value) external;

    /// @notice Restricted.
    function cancelParameter(Parameter parameter) external;

    /// @notice Applies a queued value that is due. Permissionless.
    function applyParameter(Parameter parameter) external;

    /// @notice Stops `register` and `delegate` for at most seven days; not again within sixty days of its end. Restricted.
    function pause(uint40 duration) external;

    /// @notice Restricted.
    function unpause() external;

    /* VIEWS */

    function token() external view returns (address);
    function slasher() external view returns (address);
    /// @notice U, seconds.
    function escrow() external view returns (uint256);
    function stakeUnit() external view returns (uint256);
    function parameters() external view returns (Parameters memory);
    function queuedParameter(Parameter parameter) external view returns (uint256 value, uint40 effectiveAt);
    function pausedUntil() external view returns (uint40);

    function validatorCount() external view returns (uint32);
    function validator(uint32 id) external view returns (Validator memory);
    function slashedAt(uint32 id) external view returns (uint40);
    function pool(uint32 id) external view returns (Pool memory);
    function sharesOf(uint32 id, address owner) external view returns (uint256);
    function keyOf(bytes32 keyHash) external view returns (KeyRecord memory);
    /// @notice Whether an offence signed by this key can still be slashed now, whose it is, and whether its id was slashed.
    function liability(bytes32 keyHash) external view returns (uint32 id, bool liable, uint40 slashedAt);
    function ticket(uint256 number) external view returns (Ticket memory);
    function position(uint256 number) external view returns (Position memory);
    /// @notice All active stake.
    function activeStake() external view returns (uint256);
    /// @notice What may still be redelegated out of `id` in this window.
    function redelegationBudget(uint32 id) external view returns (uint256);

    /// @notice Validator and packed stake of a seat; zero id when it is free.
    function seat(uint8 number) external view returns (uint32 id, uint256 stake);
    function seatsTaken() external view returns (uint256);
    /// @notice Id of the newest committee; zero before the first.
    function newestCommittee() external view returns (uint64);
    /// @notice All zero when it does not exist.
    function committee(uint64 id) external view returns (CommitteeRecord memory);
    /// @notice Unscaled stake of the newest committee.
    function committeeStake() external view returns (uint256);
    /// @notice Earliest time of the next `rotate()`.
    function nextRotationAt() external view returns (uint256);
}
