/**
 * Branches that no test takes, each reviewed, with the reason. They are told apart in the report. An entry whose branch is
 * gone, or is taken, fails the run.
 */

const CONSTANT = "the loop runs a fixed number of times";
const NO_GAS =
  "with these inputs the precompile fails only for lack of gas, which attacks/gas.test.ts shows at every level; the probe's own gas moves the level";
const PROVEN = "its caller refused an empty list before";
const MEMBERS = "a committee has at least one member, whose key stands in a page";

export const EXPLAINED: Readonly<Record<string, string>> = {
  "BLS.hashToG1/true/6ff61c": NO_GAS,
  "BLS.g2AddFromCode/true/6ff61c": NO_GAS,
  "BLS.unpack/none/341f4f": CONSTANT,
  "CommitteeCode.keyWithout/none/a89bdf": MEMBERS,
  "Committees._weigh/none/830ddd": CONSTANT,
  "Committees._admit/none/ca4b8c": "the loop's condition is true: it ends by a return",
  "Confirmation.checkBundle/none/e53114": PROVEN,
  "Confirmation.checkBundle/none/d78855": PROVEN,
  "Keys.seal/none/ba0f94": PROVEN,
  "Keys._first/none/29554b": "a page without any key that waits is refused before",
  "Merkle.rootOfAll/none/3ba3cb": "the inner loop runs over at least two nodes: the outer one ends at one",
  "Pools.toShares/true/7160ad":
    "registration writes the first shares itself; a pool that lost all is its operator's, who exited, and takes no more",
  "Rosters.read/none/341f4f": CONSTANT,
  "Rosters.read/none/d0d931": MEMBERS,
  "Rosters.read/none/8abc96": MEMBERS,
  "Rosters.sum/none/b2a697": MEMBERS,
  "Rosters.rebuild/none/f75bb1": MEMBERS,
  "Rosters.encode/none/8abc96": MEMBERS,
  "Seats.extremes/none/ad1742": CONSTANT,
  "Seats.sum/none/ad1742": CONSTANT,
  "Seats.survey/none/5f2831": CONSTANT,
};
