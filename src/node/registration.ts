import { z } from "zod";

import { toHex, type Hex } from "../codec/hex.ts";
import { keyHash, type Bls } from "../crypto/bls.ts";
import { encodeNetworkField } from "../network/networkField.ts";
import * as Registration from "../protocol/Registration.ts";
import { assert, expectPresent } from "../runtime/assert.ts";
import type { ValidatorKeys } from "../signer/validatorKeys.ts";

/** What `StakeTable.register` takes of a validator's machine. Holds no secret; made offline, sent from elsewhere. */
export interface RegistrationFile {
  readonly format: "crema-registration-1";
  readonly l1ChainId: number;
  readonly stakeTable: Hex;
  /** The only account that can use it. */
  readonly operator: Hex;
  /** 192 bytes. */
  readonly key: Hex;
  readonly keyHash: Hex;
  /** Proof of possession, EIP-2537 G1 in four words. */
  readonly possession: readonly [Hex, Hex, Hex, Hex];
  /** ed25519 transport key (32 bytes) ‖ multiaddr. */
  readonly network: Hex;
}

export interface RegistrationRequest {
  readonly keys: ValidatorKeys;
  readonly operator: Hex;
  readonly l1ChainId: number;
  readonly stakeTable: Hex;
  /** Where other nodes reach this validator, as multiaddr text. */
  readonly address: string;
}

const FORMAT = "crema-registration-1";
const WORD_DIGITS = 64;

/** Proves possession of the consensus key to `operator`. Throws `NetworkFieldError` on an address nobody could use. */
export function signRegistration(bls: Bls, request: RegistrationRequest): RegistrationFile {
  const { keys, operator, stakeTable } = request;
  const key = keys.blsPublicKey;
  const domain = { chainId: BigInt(request.l1ChainId), stakeTable };
  const proof = Registration.provePossession(bls, keys.blsSecretKey, operator, domain);
  return {
    format: FORMAT,
    l1ChainId: request.l1ChainId,
    stakeTable,
    operator,
    key: toHex(key),
    keyHash: keyHash(key),
    possession: words(expectPresent(bls.signatureToL1(proof), "the L1 form of an own signature")),
    network: toHex(encodeNetworkField(keys.transportKey, request.address)),
  };
}

function words(point: Uint8Array): readonly [Hex, Hex, Hex, Hex] {
  const digits = toHex(point).slice(2);
  assert(digits.length === 4 * WORD_DIGITS, "a G1 point has four words");
  const word = (index: number): Hex => `0x${digits.slice(index * WORD_DIGITS, (index + 1) * WORD_DIGITS)}`;
  return [word(0), word(1), word(2), word(3)];
}

const hex = (bytes: number): z.ZodType<Hex> =>
  z.custom<Hex>((value) => typeof value === "string" && new RegExp(`^0x[0-9a-f]{${String(bytes * 2)}}$`).test(value), {
    message: `expected ${String(bytes)} bytes of lower-case hexadecimal`,
  });
const schema = z.strictObject({
  format: z.literal(FORMAT),
  l1ChainId: z.int().positive(),
  stakeTable: hex(20),
  operator: hex(20),
  key: hex(192),
  keyHash: hex(32),
  possession: z.tuple([hex(32), hex(32), hex(32), hex(32)]),
  network: z.custom<Hex>((value) => typeof value === "string" && /^0x(?:[0-9a-f]{2}){33,291}$/.test(value), {
    message: "expected a transport key and a multiaddr",
  }),
});

/** A registration file that cannot be used. */
export class RegistrationFileError extends Error {
  override readonly name = "RegistrationFileError";
}

export function parseRegistrationFile(text: string, origin: string): RegistrationFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RegistrationFileError(`${origin} is not JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new RegistrationFileError(`${origin} is no registration: ${problems.join("; ")}`);
}
