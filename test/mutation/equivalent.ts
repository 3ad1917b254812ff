/**
 * Mutants that behave as the original does, each reviewed, with the reason. They are counted apart. An entry whose mutant is
 * gone fails a test.
 */
export const EQUIVALENT: Readonly<Record<string, string>> = {
  "LightClient.constructor/deletion/15c2f5":
    "without the stored chain id the domain separator is computed anew by every call, to the same value",
  "Pools.budget/condition/079f21":
    "what all pools have left of their budgets is never more than what is left of the budget of all stake, spent or not counted: each pool's tenth is a part of that tenth, and each redelegation counts against both",
  "Pools.endStream/condition/fdc648": "where nothing streams, the amount is zero anyway: only gas differs",
  "Pools.endStream/deletion/813f68":
    "nothing streams any more, and a stream of nothing adds nothing: only gas differs, until the next accrual clears the flag",
  "Pools.spend/deletion/c57be1":
    "as of Pools.budget/condition/079f21: what was redelegated of all stake decides nothing that the pools' budgets do not",
  "Pools.streamed/relational/7050c1":
    "at its end the whole stream has streamed by either formula; a stream is never of no time, as its interval is at least a second",
  "Slasher.constructor/deletion/9856e4":
    "without the stored chain id the domain separator is computed anew by every call, to the same value",
  "Slasher.slash/arguments/5a8602": "verifyPair adds the two digests' points, in either order to the same sum",
  "Slasher.slashSigner/arguments/2731d3":
    "messages conflict in either order, and the error that says otherwise names none",
};
