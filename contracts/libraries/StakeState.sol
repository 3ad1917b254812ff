// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Parameter, Parameters, Position, Ticket} from "../interfaces/IStakeTable.sol";
import {ActiveStake, StakePool} from "./Pools.sol";
import {SeatMap} from "./Seats.sol";

/// @notice Where a validator is in its life. The order counts: stake may leave up to `Exited`.
enum Status {
    Unknown,
    Active,
    Exited,
    Slashed,
    Settled
}

/// @notice A validator as stored. The first slot is all that delegation reads and all that a slash writes here.
/// @param seat Seat number plus one; zero without a seat.
/// @param lockedUnits Operator's first shares, in stake units: they cannot leave before exit.
struct ValidatorState {
    address operator;
    uint8 seat;
    Status status;
    uint16 commission;
    uint24 lockedUnits;
    uint40 slashedAt;
    bytes32 keyHash;
    bytes32 nextKeyHash;
    uint40 exitedAt;
    uint64 penalty;
    uint16 nextCommission;
    uint40 nextCommissionAt;
}

/// @notice A voting key as stored; see `KeyRecord`.
/// @param place `page << 8 | slot` in the key pages; zero while it waits for `seal`.
struct KeyState {
    uint32 id;
    uint32 place;
    uint40 currentAt;
    uint40 retiredAt;
}

/// @notice What one account has in one pool.
/// @param rewarded What a reporter got out of it: set for the operator of a slashed validator only, whose own stake pays.
struct Holding {
    uint128 shares;
    uint128 rewarded;
}

/// @notice Counters and times, in one slot.
/// @param creations Accounts created: pages and committee code. A contract's first nonce is 1.
/// @param committeeUnits Unscaled stake of the newest committee, in stake units.
struct Head {
    uint32 validators;
    uint24 creations;
    uint32 committees;
    uint40 rotatedAt;
    uint48 committeeUnits;
    uint40 pausedUntil;
    uint40 pausableAt;
}

/// @notice The newest roster, in one slot. Bit s is seat s.
/// @param changed Seats whose validator or key may differ from it.
/// @param seated Its seats.
/// @param nonce Names the code that holds it; zero before the first.
/// @param newest Names the code of the newest committee, which may refer to it.
struct RosterState {
    uint104 changed;
    uint104 seated;
    uint24 nonce;
    uint24 newest;
}

struct QueuedValue {
    uint216 value;
    uint40 effectiveAt;
}

/// @notice The whole storage of the stake table: one struct, so that its libraries can share it.
struct StakeState {
    Head head;
    RosterState roster;
    Parameters parameters;
    ActiveStake active;
    SeatMap seats;
    uint256 ticketCount;
    uint256 positionCount;
    mapping(uint32 id => ValidatorState) validators;
    mapping(uint32 id => StakePool) pools;
    mapping(uint32 id => mapping(address owner => Holding)) holdings;
    mapping(bytes32 keyHash => KeyState) keys;
    mapping(uint256 ticket => Ticket) tickets;
    mapping(uint256 position => Position) positions;
    mapping(uint256 word => uint256) records;
    mapping(Parameter => QueuedValue) queue;
}
