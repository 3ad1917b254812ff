import { createCipheriv, createDecipheriv, createHash, pbkdf2, scrypt, timingSafeEqual } from "node:crypto";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

import { z } from "zod";

import type { Random } from "../runtime/random.ts";
import { FileSystemError, type FileSystem } from "../storage/fileSystem.ts";

/**
 * Secret keys in files, encrypted with a password: EIP-2335 version 4 (scrypt or PBKDF2, AES-128-CTR, SHA-256 checksum).
 * https://eips.ethereum.org/EIPS/eip-2335. The file holds the bytes of one key and the public key it belongs to; the
 * `description` says which kind it is.
 */

export type KeyDerivation = "scrypt" | "pbkdf2";

const SECRET_BYTES = 32;
const DERIVED_BYTES = 32;
const CIPHER_KEY_BYTES = 16;
const SALT_BYTES = 32;
const IV_BYTES = 16;
/** The parameters of EIP-2335's own examples. */
const SCRYPT = { n: 262_144, r: 8, p: 1 };
const PBKDF2 = { c: 262_144 };
/** What a foreign file may ask for: more memory or time than this is refused, not spent. */
export const SCRYPT_MEMORY_BYTES_MAX = 512 * 1024 * 1024;
export const SCRYPT_PARALLEL_MAX = 16;
export const PBKDF2_ROUNDS_MAX = 10_000_000;
export const KEYSTORE_BYTES_MAX = 16 * 1024;
export const PASSWORD_BYTES_MAX = 1024;
/** Group and others. */
const FOREIGN_MODE_BITS = 0o077;

/**
 * `missing`, `exists`: the file; `permissions`: others may read it; `malformed`: not EIP-2335; `unsupported`: a cipher,
 * derivation or cost that is not taken; `password`: the checksum says that it is wrong.
 */
export type KeystoreFault = "missing" | "exists" | "permissions" | "malformed" | "unsupported" | "password";

export class KeystoreError extends Error {
  override readonly name = "KeystoreError";
  readonly fault: KeystoreFault;
  readonly path: string;

  constructor(fault: KeystoreFault, path: string, detail: string) {
    super(`key file ${path}: ${fault}: ${detail}`);
    this.fault = fault;
    this.path = path;
  }
}

const hex = z
  .string()
  .regex(/^(?:[0-9a-fA-F]{2})*$/)
  .transform((text) => Buffer.from(text, "hex"));
const positive = z.int().positive();

const schema = z.object({
  version: z.literal(4),
  uuid: z.string(),
  description: z.string().optional(),
  path: z.string(),
  pubkey: z.string(),
  crypto: z.object({
    kdf: z.discriminatedUnion("function", [
      z.object({
        function: z.literal("scrypt"),
        params: z.object({ dklen: z.literal(DERIVED_BYTES), n: positive, r: positive, p: positive, salt: hex }),
        message: z.literal(""),
      }),
      z.object({
        function: z.literal("pbkdf2"),
        params: z.object({ dklen: z.literal(DERIVED_BYTES), c: positive, prf: z.literal("hmac-sha256"), salt: hex }),
        message: z.literal(""),
      }),
    ]),
    checksum: z.object({ function: z.literal("sha256"), params: z.object({}), message: hex }),
    cipher: z.object({ function: z.literal("aes-128-ctr"), params: z.object({ iv: hex }), message: hex }),
  }),
});

type Keystore = z.infer<typeof schema>;
type Kdf = Keystore["crypto"]["kdf"];

const scryptAsync = promisify<Buffer, Buffer, number, object, Buffer>(scrypt);
const pbkdf2Async = promisify(pbkdf2);

/** NFKD, without C0, C1 and Delete (EIP-2335, "Password requirements"). */
function passwordBytes(password: string): Buffer {
  const kept = Array.from(password.normalize("NFKD")).filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0x1f && !(code >= 0x7f && code <= 0x9f);
  });
  return Buffer.from(kept.join(""), "utf8");
}

function assertAffordable(kdf: Kdf, path: string): void {
  if (kdf.function === "pbkdf2") {
    if (kdf.params.c <= PBKDF2_ROUNDS_MAX) return;
    throw new KeystoreError("unsupported", path, `${String(kdf.params.c)} rounds exceed ${String(PBKDF2_ROUNDS_MAX)}`);
  }
  const { n, r, p } = kdf.params;
  if (128 * n * r <= SCRYPT_MEMORY_BYTES_MAX && p <= SCRYPT_PARALLEL_MAX && (n & (n - 1)) === 0 && n > 1) return;
  throw new KeystoreError("unsupported", path, `scrypt n ${String(n)}, r ${String(r)}, p ${String(p)}`);
}

async function derive(kdf: Kdf, password: string): Promise<Buffer> {
  const bytes = passwordBytes(password);
  if (kdf.function === "pbkdf2") {
    return pbkdf2Async(bytes, kdf.params.salt, kdf.params.c, DERIVED_BYTES, "sha256");
  }
  const { n, r, p, salt } = kdf.params;
  return scryptAsync(bytes, salt, DERIVED_BYTES, { N: n, r, p, maxmem: 2 * SCRYPT_MEMORY_BYTES_MAX });
}

function checksum(derived: Buffer, cipherText: Uint8Array): Buffer {
  return createHash("sha256").update(derived.subarray(CIPHER_KEY_BYTES)).update(cipherText).digest();
}

function uuid(bytes: Uint8Array): string {
  const raw = Buffer.from(bytes);
  raw.writeUInt8((raw.readUInt8(6) & 0x0f) | 0x40, 6);
  raw.writeUInt8((raw.readUInt8(8) & 0x3f) | 0x80, 8);
  const text = raw.toString("hex");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

export interface EncryptOptions {
  readonly password: string;
  readonly description: string;
  /** Stored for the reader, not secret. */
  readonly publicKey: Uint8Array;
  readonly random: Random;
  /** scrypt, unless a start must be quick (development). */
  readonly derivation?: KeyDerivation;
}

/** The EIP-2335 document of a 32-byte secret, as JSON text. */
export async function encryptKey(secret: Uint8Array, options: EncryptOptions): Promise<string> {
  const { random } = options;
  const salt = Buffer.from(random.bytes(SALT_BYTES));
  const iv = Buffer.from(random.bytes(IV_BYTES));
  const kdf: Kdf =
    (options.derivation ?? "scrypt") === "scrypt"
      ? { function: "scrypt", params: { dklen: DERIVED_BYTES, ...SCRYPT, salt }, message: "" }
      : { function: "pbkdf2", params: { dklen: DERIVED_BYTES, ...PBKDF2, prf: "hmac-sha256", salt }, message: "" };
  const derived = await derive(kdf, options.password);
  const cipher = createCipheriv("aes-128-ctr", derived.subarray(0, CIPHER_KEY_BYTES), iv);
  const cipherText = Buffer.concat([cipher.update(secret), cipher.final()]);
  const document = {
    crypto: {
      kdf: { ...kdf, params: { ...kdf.params, salt: salt.toString("hex") } },
      checksum: { function: "sha256", params: {}, message: checksum(derived, cipherText).toString("hex") },
      cipher: { function: "aes-128-ctr", params: { iv: iv.toString("hex") }, message: cipherText.toString("hex") },
    },
    description: options.description,
    pubkey: Buffer.from(options.publicKey).toString("hex"),
    path: "",
    uuid: uuid(random.bytes(16)),
    version: 4,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** The secret in an EIP-2335 document. `path` is only for errors. Throws `KeystoreError`. */
export async function decryptKey(text: string, password: string, path: string): Promise<Uint8Array> {
  const { crypto } = parse(text, path);
  assertAffordable(crypto.kdf, path);
  const cipherText = crypto.cipher.message;
  if (cipherText.length !== SECRET_BYTES || crypto.cipher.params.iv.length !== IV_BYTES) {
    throw new KeystoreError("malformed", path, `a key of ${String(cipherText.length)} bytes`);
  }
  const derived = await derive(crypto.kdf, password);
  const expected = checksum(derived, cipherText);
  if (crypto.checksum.message.length !== expected.length || !timingSafeEqual(crypto.checksum.message, expected)) {
    throw new KeystoreError("password", path, "the password is wrong, or the file is damaged");
  }
  const decipher = createDecipheriv("aes-128-ctr", derived.subarray(0, CIPHER_KEY_BYTES), crypto.cipher.params.iv);
  return Uint8Array.from(Buffer.concat([decipher.update(cipherText), decipher.final()]));
}

function parse(text: string, path: string): Keystore {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KeystoreError("malformed", path, "not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new KeystoreError("malformed", path, z.prettifyError(parsed.error));
  return parsed.data;
}

/** Writes a new file that only its owner may read, durably. Throws `KeystoreError` (`exists`). */
export async function writeKeyFile(fileSystem: FileSystem, path: string, text: string): Promise<void> {
  try {
    const file = await fileSystem.open(path, "create");
    await file.write(Buffer.from(text, "utf8"), 0);
    await file.sync();
    await file.close();
  } catch (error) {
    if (error instanceof FileSystemError && error.fault === "exists") {
      throw new KeystoreError("exists", path, "a key is never overwritten");
    }
    throw error;
  }
  await fileSystem.syncDirectory(dirname(path));
}

/** Reads and decrypts a key file of this machine. Throws `KeystoreError`. */
export async function readKeyFile(fileSystem: FileSystem, path: string, password: string): Promise<Uint8Array> {
  return decryptKey(await readSecretText(fileSystem, path, KEYSTORE_BYTES_MAX), password, path);
}

/** A password file: its first line. Throws `KeystoreError`. */
export async function readPasswordFile(fileSystem: FileSystem, path: string): Promise<string> {
  const [password = ""] = (await readSecretText(fileSystem, path, PASSWORD_BYTES_MAX)).split(/\r?\n/);
  if (password === "") throw new KeystoreError("malformed", path, "the first line holds no password");
  return password;
}

async function readSecretText(fileSystem: FileSystem, path: string, bytesMax: number): Promise<string> {
  try {
    const { mode } = await stat(path);
    if ((mode & FOREIGN_MODE_BITS) !== 0) {
      throw new KeystoreError("permissions", path, `mode ${(mode & 0o777).toString(8)} lets others use it; chmod 600`);
    }
    const file = await fileSystem.open(path, "existing");
    try {
      const size = await file.size();
      if (size > bytesMax)
        throw new KeystoreError("malformed", path, `${String(size)} bytes exceed ${String(bytesMax)}`);
      return Buffer.from(await file.read(0, size)).toString("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing || (error instanceof FileSystemError && error.fault === "missing")) {
      throw new KeystoreError("missing", path, "no such file");
    }
    throw error;
  }
}
