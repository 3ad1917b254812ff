import { readFileSync } from "node:fs";

import { z } from "zod";

import { toHash } from "../crypto/hash.ts";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected 20 bytes of hexadecimal")
  .transform((text): `0x${string}` => `0x${text.slice(2).toLowerCase()}`);
const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, "expected 32 bytes of lower-case hexadecimal")
  .transform((text) => toHash(text));

const schema = z.strictObject({
  chainId: z.int().positive(),
  stakeTable: address,
  lightClient: address,
  slasher: address,
  confirmationVerifier: address,
  /** The staking token. */
  token: address,
  accessManager: address,
  /** Where readers of events may begin: the L1 block before which none of the contracts existed. */
  deployedAtBlock: z.int().nonnegative(),
  /** The salt of every signature; must be the genesis hash of the cluster config. */
  genesisHash: hash,
});

/** Where the contracts of one network stand on its L1. Addresses are lower-case. */
export type AddressBook = Readonly<z.infer<typeof schema>>;

/** An address book that cannot be used; the message names file and field. */
export class AddressBookError extends Error {
  override readonly name = "AddressBookError";
}

/** Longest address book, in characters. */
export const ADDRESS_BOOK_LENGTH_MAX = 16_384;

export function parseAddressBook(text: string, origin: string): AddressBook {
  if (text.length > ADDRESS_BOOK_LENGTH_MAX) throw new AddressBookError(`${origin} is too long for an address book`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AddressBookError(`${origin} is not JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new AddressBookError(`${origin} is no address book: ${problems.join("; ")}`);
}

export function readAddressBook(path: string): AddressBook {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AddressBookError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseAddressBook(text, path);
}
