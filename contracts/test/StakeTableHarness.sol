// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {KeyPages} from "../libraries/KeyPages.sol";
import {CommitteeRecord} from "../types/Committee.sol";

/// @title StakeTableHarness
/// @notice Stands where the stake table stands for the light client, so that tests can give it committees that no stake
/// table would ever make.
contract StakeTableHarness {
    uint256 public immutable escrow;
    mapping(uint64 id => CommitteeRecord) private _committees;
    mapping(uint32 id => uint40) public slashedAt;
    uint24 private _nonce;

    constructor(uint256 escrow_) {
        escrow = escrow_;
    }

    /// @notice Writes packed keys as one page; their validators count up from `firstId`.
    function writePage(bytes calldata keys, uint32 firstId) external returns (address) {
        uint256 count = keys.length / KeyPages.KEY_LENGTH;
        bytes memory page = KeyPages.buffer(count);
        bytes32[] memory keyHashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            KeyPages.copy(page, i, keys, KeyPages.KEY_LENGTH * i, keyHashes);
            KeyPages.put(page, i, firstId + uint32(i));
        }
        ++_nonce;
        return KeyPages.seal(page, count);
    }

    function writeCommittee(uint64 id, bytes calldata code) external {
        _committees[id] = CommitteeRecord({
            code: KeyPages.create(code),
            createdAt: uint40(block.timestamp),
            createdBlock: uint32(block.number),
            nonce: ++_nonce
        });
    }

    function setSlashed(uint32 id) external {
        slashedAt[id] = uint40(block.timestamp);
    }

    function committee(uint64 id) external view returns (CommitteeRecord memory) {
        return _committees[id];
    }
}
