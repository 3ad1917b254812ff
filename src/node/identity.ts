import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { fromHex, toHex } from "../codec/hex.ts";
import { ConfigError } from "../config/configTable.ts";
import type { Bls } from "../crypto/bls.ts";
import { createMclBls } from "../crypto/blsMcl.ts";
import type { Hash } from "../crypto/hash.ts";
import { TRANSPORT_SEED_BYTES } from "../network/certificate.ts";
import type { Domain } from "../protocol/Domain.ts";
import type { Random } from "../runtime/random.ts";
import { KeystoreError, readPasswordFile } from "../signer/keystore.ts";
import { openLocalSigner, type LocalSigner } from "../signer/localSigner.ts";
import { ProtectionRecordError, type ProtectionFault } from "../signer/protectionRecord.ts";
import { openValidatorKeys, type ValidatorKeys } from "../signer/validatorKeys.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";
import type { NodeConfig } from "./nodeConfig.ts";

/** The keys of a validator; a `ConfigError` where there are none, or they do not open. */
export async function readKeys({
  keyDir,
  keyPasswordFile,
}: Pick<NodeConfig, "keyDir" | "keyPasswordFile">): Promise<ValidatorKeys> {
  if (keyDir === null) throw new ConfigError(["keyDir is missing: a validator needs keys (crema keygen)"]);
  if (keyPasswordFile === null) throw new ConfigError(["keyPasswordFile is missing: it opens the keys of keyDir"]);
  const password = await configured("keyPasswordFile", readPasswordFile(nodeFileSystem, keyPasswordFile));
  return configured("keyDir", openValidatorKeys(nodeFileSystem, keyDir, password, await createMclBls()));
}

/** A key store's complaint, with the setting that it is about. */
async function configured<T>(setting: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof KeystoreError) throw new ConfigError([`${setting}: ${error.message}`]);
    throw error;
  }
}

/** The key must not sign: what it signed before is unknown. */
export class UnprotectedKeyError extends Error {
  override readonly name = "UnprotectedKeyError";
}

/** What no operator asks for: the record is lost or damaged. All other faults are of the settings. */
const LOST: readonly ProtectionFault[] = ["missing", "copied", "corrupt"];

/**
 * Opens the signer on its record. SIGN-9: without the record of exactly this key and chain it does not start. Throws
 * `UnprotectedKeyError` where the record is lost, `ConfigError` where it is another's.
 */
export async function openConsensusSigner(
  keys: ValidatorKeys,
  domain: Domain & { readonly salt: Hash },
  bls: Pick<Bls, "publicKey" | "sign">,
): Promise<LocalSigner> {
  try {
    return await openLocalSigner({
      fileSystem: nodeFileSystem,
      directory: keys.protectionDirectory,
      secretKey: keys.blsSecretKey,
      domain,
      bls,
    });
  } catch (error) {
    if (!(error instanceof ProtectionRecordError)) throw error;
    if (LOST.includes(error.fault)) throw new UnprotectedKeyError(error.message);
    throw new ConfigError([`the signing record of keyDir cannot be used: ${error.message}`]);
  }
}

/** A follower keeps a transport key of its own, so that peers know it again. */
export function followerTransportSeed({ dataDir }: Pick<NodeConfig, "dataDir">, random: Random): Uint8Array {
  const path = join(dataDir, "transport.key");
  if (existsSync(path)) return fromHex(readFileSync(path, "utf8").trim());
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const seed = random.bytes(TRANSPORT_SEED_BYTES);
  writeFileSync(path, `${toHex(seed)}\n`, { mode: 0o600, flag: "wx" });
  return seed;
}
