/**
 * Branches that no test takes, each reviewed, with the reason. They are told apart in the report. An entry whose branch is
 * gone, or is taken, fails the run.
 */
export const EXPLAINED: Readonly<Record<string, string>> = {};
