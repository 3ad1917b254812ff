// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Merkle} from "../libraries/Merkle.sol";

using NamespaceEntryLib for NamespaceEntry global;

/// @notice One rollup's share of a block. A block's entries are sorted by strictly increasing namespace.
/// @param namespace Chain id of the rollup.
/// @param txCount Number of its transactions in the block.
/// @param txRoot Merkle root over the envelope bytes of those transactions, in order.
struct NamespaceEntry {
    uint64 namespace;
    uint64 txCount;
    bytes32 txRoot;
}

library NamespaceEntryLib {
    /// @notice Leaf of this entry in the tree that a header's `namespaces` commits to.
    function leaf(NamespaceEntry calldata self) internal pure returns (bytes32) {
        return Merkle.leaf(abi.encode(self.namespace, self.txCount, self.txRoot));
    }
}
