/** What is over a limit of `tidy.test.ts` today. Numbers here only go down, and a row that is within its limit goes. */
export const RATCHET: {
  readonly fileLines: Readonly<Record<string, number>>;
  readonly functionLines: Readonly<Record<string, number>>;
} = {
  fileLines: {},
  functionLines: {},
};
