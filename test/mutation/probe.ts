import { endOf, type Node, type Sources, startOf } from "./solidity.ts";

/**
 * A call that tells the test network which place of a program was reached. The network listens at the address where
 * Hardhat's own coverage sends its hits.
 */

const FILE = "contracts/Probe.sol";

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

library Probe {
    function hit(uint256 index) internal view returns (bool reached) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, index)
            pop(staticcall(gas(), 0xc0bEc0BEc0BeC0bEC0beC0bEC0bEC0beC0beC0BE, start, 32, 0, 0))
        }
    }

    function branch(bool outcome, uint256 yes, uint256 no) internal view returns (bool) {
        hit(outcome ? yes : no);
        return outcome;
    }

    function loop(bool again, uint256 rounds, uint256 some, uint256 none) internal view returns (bool) {
        if (again) hit(some);
        else if (rounds == 0) hit(none);
        return again;
    }
}
`;

/** Records, and is false: what it chooses is never taken. */
export function probeOf(index: number): string {
  return `Probe.hit(${String(index)})`;
}

/** Sources in which files can call the probe. */
export function withProbe(sources: Sources): Map<string, string> {
  return new Map([...sources, [FILE, SOURCE]]);
}

/** Where a file's imports may begin, and what is to stand there. */
export function probeImport(file: string, tree: Node) {
  const pragma = (tree.nodes as readonly Node[]).find(({ nodeType }) => nodeType === "PragmaDirective");
  const at = pragma === undefined ? startOf(tree) : endOf(pragma);
  return { file, kind: "word" as const, start: at, end: at, text: ` import {Probe} from "${FILE}";` };
}
