// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeTable, KeyRecord} from "../interfaces/IStakeTable.sol";
import {Domain} from "../types/Domain.sol";
import {Register} from "../types/Register.sol";
import {BLS} from "./BLS.sol";
import {KeyPages} from "./KeyPages.sol";
import {StakePool} from "./Pools.sol";
import {Seats} from "./Seats.sol";
import {KeyState, StakeState, Status, ValidatorState} from "./StakeState.sol";

/// @notice What `register` is told, beside the key and what only events keep.
/// @param window The current window (time / U).
struct Registration {
    uint256 selfStake;
    uint256 stakeUnit;
    uint256 window;
    uint16 commission;
}

/// @title Keys
/// @notice Voting keys: proven, sealed, current, retired; each registered once for ever, the first one with its
/// validator. Linked to the stake table, whose storage and address it works with.
library Keys {
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice Registers a validator of `msg.sender` with its first key and its self-stake, which the caller collects.
    function register(
        StakeState storage self,
        bytes calldata key,
        bytes32[4] calldata possession,
        Registration memory given
    ) external returns (uint32 id) {
        uint256 minSelfStake = self.parameters.minSelfStake;
        if (given.selfStake < minSelfStake) {
            revert IStakeTable.StakeTableAmountTooLow(given.selfStake, minSelfStake);
        }
        if (given.commission > BASIS_POINTS) {
            revert IStakeTable.StakeTableCommissionTooHigh(given.commission, uint16(BASIS_POINTS));
        }
        uint256 count = self.head.validators;
        if (count == Seats.ID_MAX) revert IStakeTable.StakeTableValidatorsExhausted(count);

        id = uint32(count + 1);
        self.head.validators = id;
        ValidatorState storage validator = self.validators[id];
        validator.operator = msg.sender;
        validator.status = Status.Active;
        validator.commission = given.commission;
        // The first share costs one, so shares are amounts here.
        validator.lockedUnits = uint24(minSelfStake / given.stakeUnit);
        StakePool storage stake = self.pools[id];
        stake.window = uint32(given.window);
        stake.add(given.selfStake, given.selfStake);
        self.holdings[id][msg.sender].shares = uint128(given.selfStake);
        self.active.change(given.selfStake, 0, given.window);
        bytes32 keyHash = _prove(self, id, key, possession);
        validator.keyHash = keyHash;
        self.keys[keyHash].currentAt = uint40(block.timestamp);

        emit IStakeTable.ValidatorRegistered(id, msg.sender, given.commission);
        emit IStakeTable.KeyRotated(id, keyHash);
        emit IStakeTable.Delegated(id, msg.sender, given.selfStake, given.selfStake);
    }

    /// @notice Registers a further key of a validator.
    function prove(StakeState storage self, uint32 id, bytes calldata key, bytes32[4] calldata possession) external {
        _prove(self, id, key, possession);
    }

    /// @notice Queues a proven and sealed key; without a seat it becomes current at once.
    function queueKey(StakeState storage self, uint32 id, bytes32 keyHash) external {
        KeyState storage key = self.keys[keyHash];
        if (key.id != id) revert IStakeTable.StakeTableKeyNotOwned(keyHash, key.id, id);
        if (key.place == 0) revert IStakeTable.StakeTableKeyNotSealed(keyHash);
        if (key.currentAt != 0) revert IStakeTable.StakeTableKeyUsed(keyHash);
        ValidatorState storage validator = self.validators[id];

        validator.nextKeyHash = keyHash;
        emit IStakeTable.KeyRotationQueued(id, keyHash);
        if (validator.seat == 0) {
            advance(self, id);
        } else {
            uint256 number = validator.seat - 1;
            self.seats.queueKey(number);
            self.roster.changed |= Seats.bit(number);
        }
    }

    /// @notice Writes the waiting ones of `keys` to a new page.
    function seal(StakeState storage self, bytes calldata keys) external returns (uint24 page) {
        uint256 count = keys.length / KeyPages.KEY_LENGTH;
        if (count == 0 || keys.length % KeyPages.KEY_LENGTH != 0) {
            revert IStakeTable.StakeTableKeyLengthInvalid(keys.length, KeyPages.KEY_LENGTH);
        }
        if (count > KeyPages.CAPACITY) revert IStakeTable.StakeTablePageOverflow(count, KeyPages.CAPACITY);

        page = ++self.head.creations;
        bytes memory code = KeyPages.buffer(count);
        bytes32[] memory keyHashes = new bytes32[](count);
        uint256 size = 0;
        // Unchecked: at most 125 keys.
        unchecked {
            uint256 first = uint256(page) << 8;
            for (uint256 offset = 0; offset < keys.length; offset += KeyPages.KEY_LENGTH) {
                bytes32 keyHash = KeyPages.copy(code, size, keys, offset, keyHashes);
                KeyState storage key = self.keys[keyHash];
                if (key.place != 0) continue;
                uint256 id = key.id;
                if (id == 0) revert IStakeTable.StakeTableKeyUnknown(keyHash);
                key.place = uint32(first + size);
                KeyPages.put(code, size++, id);
            }
        }
        if (size == 0) revert IStakeTable.StakeTableNothingToSeal();
        KeyPages.seal(code, size);

        emit IStakeTable.PageSealed(page, size == keyHashes.length ? keyHashes : _first(keyHashes, size));
    }

    /// @notice Makes the next key current and retires its predecessor.
    /// @return place Where it stands.
    function advance(StakeState storage self, uint32 id) internal returns (uint256 place) {
        ValidatorState storage validator = self.validators[id];
        bytes32 keyHash = validator.nextKeyHash;
        KeyState storage key = self.keys[keyHash];

        self.keys[validator.keyHash].retiredAt = uint40(block.timestamp);
        key.currentAt = uint40(block.timestamp);
        validator.keyHash = keyHash;
        validator.nextKeyHash = 0;
        place = key.place;

        emit IStakeTable.KeyRotated(id, keyHash);
    }

    /// @notice What anyone may know of a key.
    function recordOf(StakeState storage self, bytes32 keyHash) internal view returns (KeyRecord memory) {
        KeyState memory key = self.keys[keyHash];
        return KeyRecord(key.id, uint24(key.place >> 8), uint8(key.place), key.currentAt, key.retiredAt);
    }

    /// @dev Takes a key whose possession `msg.sender` proves. That validates the key for every later addition.
    function _prove(
        StakeState storage self,
        uint32 id,
        bytes calldata key,
        bytes32[4] calldata possession
    ) private returns (bytes32 keyHash) {
        keyHash = keccak256(key);
        KeyState storage known = self.keys[keyHash];
        if (known.id != 0) revert IStakeTable.StakeTableKeyKnown(keyHash, known.id);
        bytes32 domain = Domain.registration(block.chainid, address(this));
        bytes32 digest = Domain.digest(domain, Register(msg.sender, keyHash).hash());
        bytes32[8] memory point = BLS.unpack(key);
        if (!KeyPages.isNegatable(point) || !BLS.verifyPossession(point, digest, possession)) {
            revert IStakeTable.StakeTablePossessionUnproven(keyHash);
        }

        known.id = id;

        emit IStakeTable.KeyProven(id, keyHash, key);
    }

    function _first(bytes32[] memory list, uint256 size) private pure returns (bytes32[] memory head) {
        head = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) head[i] = list[i];
    }
}
