/**
 * Mutants that behave as the original does, each reviewed, with the reason. They are counted apart. An entry whose mutant is
 * gone fails a test.
 */
export const EQUIVALENT: Readonly<Record<string, string>> = {};
