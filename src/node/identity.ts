import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { fromHex, toHex } from "../codec/hex.ts";
import { createMclBls } from "../crypto/blsMcl.ts";
import type { Hash } from "../crypto/hash.ts";
import { TRANSPORT_SEED_BYTES } from "../network/certificate.ts";
import type { Domain } from "../protocol/Domain.ts";
import type { Random } from "../runtime/random.ts";
import { openLocalSigner } from "../signer/localSigner.ts";
import { createProtectionRecord, ProtectionRecordError } from "../signer/protectionRecord.ts";
import type { Signer } from "../signer/signer.ts";
import { fresh } from "../signer/slashingProtection.ts";
import { nodeFileSystem } from "../storage/nodeFileSystem.ts";
import { ConfigError } from "../config/configTable.ts";
import {
  consensusPublicKey,
  generateKeys,
  KeyFileError,
  readKeyFile,
  writeKeyFile,
  type ValidatorKeys,
} from "./keyFile.ts";
import type { NodeConfig } from "./nodeConfig.ts";

type Files = Pick<NodeConfig, "dataDir" | "keyFile" | "keyPasswordFile">;

/** Where a validator's slashing-protection record lies. It stays with the data, never with a copy of the keys. */
export function signingRecordDirectory(dataDir: string): string {
  return join(dataDir, "signer");
}

/** The keys of a validator; a `ConfigError` where there are none. */
export function readKeys(files: Files): ValidatorKeys {
  if (files.keyFile === null) throw new ConfigError(["keyFile is missing: a validator needs one (crema keygen)"]);
  try {
    const password = files.keyPasswordFile === null ? null : readPassword(files.keyPasswordFile);
    return readKeyFile(files.keyFile, password);
  } catch (error) {
    if (error instanceof KeyFileError) throw new ConfigError([`keyFile: ${error.message}`]);
    throw error;
  }
}

/** The text of a password file, without the line end that editors add. */
export function readPassword(path: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new ConfigError([`the password file ${path} cannot be read: ${String(error)}`]);
  }
}

/** Opens the signer on its record. SIGN-9: without the record of exactly this key and chain a validator does not start. */
export async function openConsensusSigner(files: Files, domain: Domain & { readonly salt: Hash }): Promise<Signer> {
  const directory = signingRecordDirectory(files.dataDir);
  try {
    return await openLocalSigner({
      fileSystem: nodeFileSystem,
      directory,
      secretKey: readKeys(files).consensusKey,
      domain,
      bls: await createMclBls(),
    });
  } catch (error) {
    if (!(error instanceof ProtectionRecordError)) throw error;
    throw new ConfigError([`the signing record of keyFile cannot be used: ${error.message}`]);
  }
}

/** New keys with their signing record, which is made here and nowhere else: a key without one never signs. */
export async function createIdentity(
  files: { readonly keyFile: string; readonly dataDir: string; readonly password: string | null },
  genesis: Hash,
  random: Random,
): Promise<ValidatorKeys> {
  const keys = generateKeys(random);
  writeKeyFile(files.keyFile, keys, files.password, random);
  const publicKey = consensusPublicKey(keys);
  await createProtectionRecord(nodeFileSystem, signingRecordDirectory(files.dataDir), fresh(genesis, publicKey));
  return keys;
}

/** A validator's transport key is registered; a follower keeps one of its own so that peers know it again. */
export function openTransportSeed(files: Files, role: "validator" | "observer", random: Random): Uint8Array {
  if (role === "validator") return readKeys(files).transportSeed;
  const path = join(files.dataDir, "transport.key");
  if (existsSync(path)) return fromHex(readFileSync(path, "utf8").trim());
  mkdirSync(files.dataDir, { recursive: true, mode: 0o700 });
  const seed = random.bytes(TRANSPORT_SEED_BYTES);
  writeFileSync(path, `${toHex(seed)}\n`, { mode: 0o600, flag: "wx" });
  return seed;
}
