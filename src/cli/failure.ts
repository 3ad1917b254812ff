import { AssertionError } from "../runtime/assert.ts";
import { AddressBookError } from "../l1/addressBook.ts";
import { ConfigError } from "../node/configTable.ts";
import { RegistrationFileError } from "../node/registration.ts";

/** The configuration is at fault: starting again without a change cannot help. */
const EXIT_CONFIG = 2;
const EXIT_FAILURE = 1;

/** Says what failed in as few words as it takes, and sets the exit code. Only our own faults get a stack. */
export function reportFailure(error: unknown): void {
  process.exitCode = isConfiguration(error) ? EXIT_CONFIG : EXIT_FAILURE;
  if (error instanceof AssertionError || !(error instanceof Error)) console.error("crema:", error);
  else console.error(`crema: ${error.message}`);
}

function isConfiguration(error: unknown): boolean {
  return error instanceof ConfigError || error instanceof AddressBookError || error instanceof RegistrationFileError;
}
