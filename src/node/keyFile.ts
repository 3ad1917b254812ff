import { createCipheriv, createDecipheriv, scryptSync } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";

import { z } from "zod";

import { fromHex, toHex } from "../codec/hex.ts";
import { SECRET_KEY_BYTES, secretScalar } from "../crypto/bls.ts";
import { nobleBls } from "../crypto/blsNoble.ts";
import type { Random } from "../runtime/random.ts";

/** The two keys of a validator. They never leave its machine; the account that holds the stake is elsewhere. */
export interface ValidatorKeys {
  /** BLS12-381 secret key, 32 bytes big-endian. */
  readonly consensusKey: Uint8Array;
  /** ed25519 seed of the transport key, 32 bytes. */
  readonly transportSeed: Uint8Array;
}

/** A key file that cannot be used; never holds key material. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

const FORMAT = "crema-keys-1";
const TRANSPORT_SEED_BYTES = 32;
/** scrypt as EIP-2335 recommends it: 2^17, about a quarter of a second and 128 MiB. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const hexBytes = (length: number): z.ZodType<string> =>
  z.string().regex(new RegExp(`^0x[0-9a-f]{${String(2 * length)}}$`));
const schema = z.discriminatedUnion("encrypted", [
  z.strictObject({
    format: z.literal(FORMAT),
    encrypted: z.literal(false),
    consensusKey: hexBytes(SECRET_KEY_BYTES),
    transportSeed: hexBytes(TRANSPORT_SEED_BYTES),
  }),
  z.strictObject({
    format: z.literal(FORMAT),
    encrypted: z.literal(true),
    /** scrypt, N = 2^17, r = 8, p = 1, 32 bytes; AES-256-GCM, tag behind the text. */
    salt: hexBytes(SALT_BYTES),
    nonce: hexBytes(NONCE_BYTES),
    text: hexBytes(SECRET_KEY_BYTES + TRANSPORT_SEED_BYTES + TAG_BYTES),
  }),
]);

/** Fresh keys: a uniform scalar in 0 < key < r by rejection, and a uniform seed. */
export function generateKeys(random: Random): ValidatorKeys {
  for (;;) {
    const consensusKey = random.bytes(SECRET_KEY_BYTES);
    try {
      secretScalar(consensusKey);
    } catch {
      continue;
    }
    return { consensusKey, transportSeed: random.bytes(TRANSPORT_SEED_BYTES) };
  }
}

/** Writes a new file, readable by its owner only; refuses to replace one. */
export function writeKeyFile(path: string, keys: ValidatorKeys, password: string | null, random: Random): void {
  const content =
    password === null
      ? {
          format: FORMAT,
          encrypted: false,
          consensusKey: toHex(keys.consensusKey),
          transportSeed: toHex(keys.transportSeed),
        }
      : { format: FORMAT, encrypted: true, ...seal(keys, password, random) };
  try {
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new KeyFileError(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Reads keys; `password` is needed for an encrypted file only. */
export function readKeyFile(path: string, password: string | null): ValidatorKeys {
  const result = schema.safeParse(readJson(path));
  if (!result.success) {
    const fields = result.error.issues.map((issue) => issue.path.join(".") || "(top)").join(", ");
    throw new KeyFileError(`${path} is no key file: check ${fields}`);
  }
  const keys = result.data.encrypted ? open(path, result.data, password) : plain(result.data);
  try {
    secretScalar(keys.consensusKey);
  } catch {
    throw new KeyFileError(`${path} holds a consensus key out of range`);
  }
  return keys;
}

/** The public halves: what goes to L1. */
export function consensusPublicKey(keys: ValidatorKeys): Uint8Array {
  return nobleBls.publicKey(keys.consensusKey);
}

function plain(file: { readonly consensusKey: string; readonly transportSeed: string }): ValidatorKeys {
  return { consensusKey: fromHex(file.consensusKey), transportSeed: fromHex(file.transportSeed) };
}

function readJson(path: string): unknown {
  let text: string;
  try {
    if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
      throw new KeyFileError(`${path} can be read by others: chmod 600 ${path}`);
    }
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    throw new KeyFileError(`${path} is not JSON`);
  }
}

interface Sealed {
  readonly salt: string;
  readonly nonce: string;
  readonly text: string;
}

function seal(keys: ValidatorKeys, password: string, random: Random): Sealed {
  const salt = random.bytes(SALT_BYTES);
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", scryptSync(password, salt, 32, SCRYPT), nonce);
  const text = Buffer.concat([
    cipher.update(keys.consensusKey),
    cipher.update(keys.transportSeed),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { salt: toHex(salt), nonce: toHex(nonce), text: toHex(text) };
}

function open(path: string, file: Sealed, password: string | null): ValidatorKeys {
  if (password === null) throw new KeyFileError(`${path} is encrypted: give keyPasswordFile`);
  const bytes = fromHex(file.text);
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(
    "aes-256-gcm",
    scryptSync(password, fromHex(file.salt), 32, SCRYPT),
    fromHex(file.nonce),
  );
  decipher.setAuthTag(bytes.subarray(end));
  try {
    const opened = Buffer.concat([decipher.update(bytes.subarray(0, end)), decipher.final()]);
    return {
      consensusKey: new Uint8Array(opened.subarray(0, SECRET_KEY_BYTES)),
      transportSeed: new Uint8Array(opened.subarray(SECRET_KEY_BYTES)),
    };
  } catch {
    throw new KeyFileError(`${path} does not open with this password`);
  }
}
