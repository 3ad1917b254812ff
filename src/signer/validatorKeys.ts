import { bigEndian, BlsSecretKeyError, GROUP_ORDER, SECRET_KEY_BYTES, toBigEndian, type Bls } from "../crypto/bls.ts";
import type { Hash } from "../crypto/hash.ts";
import { transportKey, TRANSPORT_SEED_BYTES } from "../network/certificate.ts";
import type { Random } from "../runtime/random.ts";
import type { FileSystem } from "../storage/fileSystem.ts";
import { encryptKey, KeystoreError, readKeyFile, writeKeyFile, type KeyDerivation } from "./keystore.ts";
import { createProtectionRecord } from "./protectionRecord.ts";
import { fresh } from "./slashingProtection.ts";

/** What a key directory holds. */
export const BLS_KEY_NAME = "bls.json";
export const TRANSPORT_KEY_NAME = "transport.json";
export const PROTECTION_NAME = "slashing-protection";

/** 48 random bytes reduced by r: the bias is below 2^-128. */
const WIDE_BYTES = 48;

export interface CreateKeysOptions {
  readonly fileSystem: FileSystem;
  /** Made where missing; must hold no key. */
  readonly directory: string;
  readonly password: string;
  readonly genesis: Hash;
  readonly bls: Pick<Bls, "publicKey">;
  readonly random: Random;
  readonly derivation?: KeyDerivation;
}

export interface ValidatorKeys {
  /** 32 bytes. */
  readonly blsSecretKey: Uint8Array;
  /** 192 bytes. */
  readonly blsPublicKey: Uint8Array;
  /** 32 bytes. */
  readonly transportSeed: Uint8Array;
  /** 32 bytes, ed25519. */
  readonly transportKey: Uint8Array;
  /** Directory of the slashing-protection record. */
  readonly protectionDirectory: string;
}

function describeKeys(
  directory: string,
  blsSecretKey: Uint8Array,
  transportSeed: Uint8Array,
  bls: Pick<Bls, "publicKey">,
): ValidatorKeys {
  return {
    blsSecretKey,
    blsPublicKey: bls.publicKey(blsSecretKey),
    transportSeed,
    transportKey: transportKey(transportSeed),
    protectionDirectory: `${directory}/${PROTECTION_NAME}`,
  };
}

/**
 * Makes a validator's keys and, with them, the slashing-protection record. The record comes first: a crash in between
 * leaves a record without a key, which is harmless, never a key without a record. Throws `KeystoreError` (`exists`).
 */
export async function createValidatorKeys(options: CreateKeysOptions): Promise<ValidatorKeys> {
  const { fileSystem, directory, password, random, bls, genesis, derivation = "scrypt" } = options;
  await fileSystem.makeDirectory(directory);
  const [present] = await fileSystem.list(directory);
  if (present !== undefined) throw new KeystoreError("exists", `${directory}/${present}`, "a key is never overwritten");
  const scalar = (bigEndian(random.bytes(WIDE_BYTES)) % (GROUP_ORDER - 1n)) + 1n;
  const keys = describeKeys(directory, toBigEndian(scalar, SECRET_KEY_BYTES), random.bytes(TRANSPORT_SEED_BYTES), bls);
  await createProtectionRecord(fileSystem, keys.protectionDirectory, fresh(genesis, keys.blsPublicKey));
  await fileSystem.syncDirectory(directory);
  const common = { password, random, derivation };
  const [blsText, transportText] = await Promise.all([
    encryptKey(keys.blsSecretKey, {
      ...common,
      description: "Crema BLS12-381 voting key",
      publicKey: keys.blsPublicKey,
    }),
    encryptKey(keys.transportSeed, {
      ...common,
      description: "Crema ed25519 transport key",
      publicKey: keys.transportKey,
    }),
  ]);
  await writeKeyFile(fileSystem, `${directory}/${BLS_KEY_NAME}`, blsText);
  await writeKeyFile(fileSystem, `${directory}/${TRANSPORT_KEY_NAME}`, transportText);
  return keys;
}

/** Reads the keys of a directory. Throws `KeystoreError`. */
export async function openValidatorKeys(
  fileSystem: FileSystem,
  directory: string,
  password: string,
  bls: Pick<Bls, "publicKey">,
): Promise<ValidatorKeys> {
  const [blsSecretKey, transportSeed] = await Promise.all([
    readKeyFile(fileSystem, `${directory}/${BLS_KEY_NAME}`, password),
    readKeyFile(fileSystem, `${directory}/${TRANSPORT_KEY_NAME}`, password),
  ]);
  try {
    return describeKeys(directory, blsSecretKey, transportSeed, bls);
  } catch (error) {
    if (!(error instanceof BlsSecretKeyError)) throw error;
    throw new KeystoreError("malformed", `${directory}/${BLS_KEY_NAME}`, error.message);
  }
}
