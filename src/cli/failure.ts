import { AssertionError } from "../runtime/assert.ts";
import { AddressBookError } from "../l1/addressBook.ts";
import { ConfigError } from "../config/configTable.ts";
import { RegistrationFileError } from "../node/registration.ts";
import { KeystoreError } from "../signer/keystore.ts";
import { complain } from "./terminal.ts";

/** The configuration is at fault: starting again without a change cannot help. */
const EXIT_CONFIG = 2;
const EXIT_FAILURE = 1;

/** Says what failed in as few words as it takes, and sets the exit code. Only our own faults get a stack. */
export function reportFailure(error: unknown): void {
  process.exitCode = isConfiguration(error) ? EXIT_CONFIG : EXIT_FAILURE;
  const text = error instanceof AssertionError ? error.stack : error instanceof Error ? error.message : String(error);
  complain(`crema: ${text ?? "failed"}`);
}

function isConfiguration(error: unknown): boolean {
  const kinds = [ConfigError, AddressBookError, RegistrationFileError, KeystoreError];
  return kinds.some((kind) => error instanceof kind);
}
