// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeTable, KeyRecord} from "../interfaces/IStakeTable.sol";
import {Domain} from "../types/Domain.sol";
import {Register} from "../types/Register.sol";
import {BLS} from "./BLS.sol";
import {KeyPages} from "./KeyPages.sol";
import {StakeState, ValidatorState} from "./StakeState.sol";

/// @title Keys
/// @notice Voting keys: proven, sealed, current, retired; each registered once for ever. Linked to the stake table, whose
/// storage and address it works with.
library Keys {
    /// @notice Registers a key whose possession `msg.sender` proves. It validates the key for every later addition.
    function prove(
        StakeState storage self,
        uint32 id,
        bytes calldata key,
        bytes32[4] calldata possession
    ) external returns (bytes32 keyHash) {
        keyHash = keccak256(key);
        KeyRecord storage record = self.keys[keyHash];
        if (record.id != 0) revert IStakeTable.StakeTableKeyKnown(keyHash, record.id);
        bytes32 domain = Domain.registration(block.chainid, address(this));
        bytes32 digest = Domain.digest(domain, Register(msg.sender, keyHash).hash());
        if (!BLS.verifyPossession(BLS.unpack(key), digest, possession)) {
            revert IStakeTable.StakeTablePossessionUnproven(keyHash);
        }

        record.id = id;

        emit IStakeTable.KeyProven(id, keyHash, key);
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
            for (uint256 i = 0; i < count; ++i) {
                bytes calldata key = KeyPages.keyAt(keys, i);
                bytes32 keyHash = keccak256(key);
                KeyRecord storage record = self.keys[keyHash];
                (uint32 id, uint24 known) = (record.id, record.page);
                if (id == 0) revert IStakeTable.StakeTableKeyUnknown(keyHash);
                if (known != 0) continue;
                record.page = page;
                record.slot = uint8(size);
                KeyPages.put(code, size, key, id);
                keyHashes[size++] = keyHash;
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
        KeyRecord storage record = self.keys[keyHash];

        self.keys[validator.keyHash].retiredAt = uint40(block.timestamp);
        record.currentAt = uint40(block.timestamp);
        validator.keyHash = keyHash;
        validator.nextKeyHash = 0;
        place = placeOf(record);

        emit IStakeTable.KeyRotated(id, keyHash);
    }

    /// @notice Where a sealed key stands: `page << 8 | slot`.
    function placeOf(KeyRecord memory record) internal pure returns (uint256) {
        return (uint256(record.page) << 8) | record.slot;
    }

    function _first(bytes32[] memory list, uint256 size) private pure returns (bytes32[] memory head) {
        head = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) head[i] = list[i];
    }
}
