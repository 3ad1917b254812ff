/**
 * Mutants that behave as the original does, each reviewed, with the reason. They are counted apart. An entry whose mutant is
 * gone fails a test.
 */
export const EQUIVALENT: Readonly<Record<string, string>> = {
  "LightClient.constructor/deletion/15c2f5":
    "without the stored chain id the domain separator is computed anew by every call, to the same value",
};
