import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile, cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { GROUP_ORDER, toBigEndian } from "../../src/crypto/bls.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { keccakHash } from "../../src/crypto/hash.ts";
import { Epoch, View } from "../../src/protocol/scalars.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import {
  decryptKey,
  encryptKey,
  KEYSTORE_BYTES_MAX,
  PASSWORD_BYTES_MAX,
  PBKDF2_ROUNDS_MAX,
  readKeyFile,
  readPasswordFile,
  SCRYPT_PARALLEL_MAX,
} from "../../src/signer/keystore.ts";
import { openLocalSigner } from "../../src/signer/localSigner.ts";
import { createValidatorKeys, openValidatorKeys } from "../../src/signer/validatorKeys.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";

const bls = await createMclBls();
const genesis = keccakHash(Buffer.from("genesis"));
const directories: string[] = [];
async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "crema-keys-"));
  directories.push(directory);
  return directory;
}
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

const quick = { password: "pass", random: systemRandom, derivation: "pbkdf2" } as const;
const common = { fileSystem: nodeFileSystem, genesis, bls, ...quick };

/** The test vectors of EIP-2335: one password, one secret, both derivations. */
const EIP_PASSWORD =
  "\u{1d531}\u{1d522}\u{1d530}\u{1d531}\u{1d52d}\u{1d51e}\u{1d530}\u{1d530}\u{1d534}\u{1d52c}\u{1d52f}\u{1d521}\u{1f511}";
const EIP_SECRET = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const SALT = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
const IV = "264daa3f303d7259501c93d997d84fe6";
const document = (kdf: object, checksum: string, cipher: string): string =>
  JSON.stringify({
    crypto: {
      kdf: { ...kdf, message: "" },
      checksum: { function: "sha256", params: {}, message: checksum },
      cipher: { function: "aes-128-ctr", params: { iv: IV }, message: cipher },
    },
    description: "",
    pubkey: "",
    path: "m/12381/60/3141592653/589793238",
    uuid: "1d85ae20-35c5-4611-98e8-aa14a633906f",
    version: 4,
  });
const SCRYPT = document(
  { function: "scrypt", params: { dklen: 32, n: 262144, p: 1, r: 8, salt: SALT } },
  "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484",
  "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f",
);
const pbkdf2 = (rounds = 262144): string =>
  document(
    { function: "pbkdf2", params: { dklen: 32, c: rounds, prf: "hmac-sha256", salt: SALT } },
    "8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1",
    "cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad",
  );

describe("key file", () => {
  it("KEYS-1: opens the test vectors of EIP-2335", async () => {
    expect(Buffer.from(await decryptKey(SCRYPT, EIP_PASSWORD, "x")).toString("hex")).toBe(EIP_SECRET);
    expect(Buffer.from(await decryptKey(pbkdf2(), EIP_PASSWORD, "x")).toString("hex")).toBe(EIP_SECRET);
  });

  it("KEYS-1: is opened by its password and no other", async () => {
    const secret = systemRandom.bytes(32);
    for (const derivation of ["scrypt", "pbkdf2"] as const) {
      const text = await encryptKey(secret, {
        ...quick,
        derivation,
        description: "test",
        publicKey: secret.slice(0, 4),
      });
      expect(await decryptKey(text, "pass", "x")).toEqual(secret);
      expect(text).not.toContain(Buffer.from(secret).toString("hex"));
      await expect(decryptKey(text, "Pass", "x")).rejects.toMatchObject({ name: "KeystoreError", fault: "password" });
    }
  });

  it("KEYS-1: control characters of a password do not count (EIP-2335)", async () => {
    const secret = systemRandom.bytes(32);
    const text = await encryptKey(secret, { ...quick, password: "a\u0000b\n", description: "", publicKey: secret });
    expect(await decryptKey(text, "ab", "x")).toEqual(secret);
  });

  it("KEYS-2: a file that asks for more memory or time than the maximum is refused unread", async () => {
    expect(Buffer.from(await decryptKey(pbkdf2(), EIP_PASSWORD, "x")).length).toBe(32);
    await expect(decryptKey(pbkdf2(PBKDF2_ROUNDS_MAX), EIP_PASSWORD, "x")).rejects.toMatchObject({ fault: "password" });
    await expect(decryptKey(pbkdf2(PBKDF2_ROUNDS_MAX + 1), "", "x")).rejects.toMatchObject({ fault: "unsupported" });
    for (const [from, to] of [
      ['"n":262144', `"n":${String(2 ** 20)}`],
      ['"n":262144', '"n":262143'],
      ['"p":1', `"p":${String(SCRYPT_PARALLEL_MAX + 1)}`],
    ] as const) {
      await expect(decryptKey(SCRYPT.replace(from, to), "", "x")).rejects.toMatchObject({ fault: "unsupported" });
    }
  });

  it("KEYS-2: what is no EIP-2335 document is refused", async () => {
    const bad = ["", "{}", "[]", SCRYPT.replace("aes-128-ctr", "aes-128-cbc"), SCRYPT.replace(IV, "00")];
    for (const text of bad) await expect(decryptKey(text, "", "x")).rejects.toMatchObject({ fault: "malformed" });
  });

  it("KEYS-3: others must not be able to read it, nor a password file", async () => {
    const path = join(await temporary(), "file");
    await writeFile(path, "secret\nsecond line\n", { mode: 0o600 });
    expect(await readPasswordFile(nodeFileSystem, path)).toBe("secret");
    for (const mode of [0o640, 0o604, 0o601]) {
      await chmod(path, mode);
      await expect(readPasswordFile(nodeFileSystem, path)).rejects.toMatchObject({ fault: "permissions" });
      await expect(readKeyFile(nodeFileSystem, path, "")).rejects.toMatchObject({ fault: "permissions" });
    }
    await expect(readKeyFile(nodeFileSystem, `${path}x`, "")).rejects.toMatchObject({ fault: "missing" });
  });

  it("KEYS-2: takes files of the maximum length and refuses one byte more", async () => {
    const path = join(await temporary(), "file");
    for (const [maximum, read] of [
      [PASSWORD_BYTES_MAX, (): Promise<unknown> => readPasswordFile(nodeFileSystem, path)],
      [KEYSTORE_BYTES_MAX, (): Promise<unknown> => readKeyFile(nodeFileSystem, path, EIP_PASSWORD)],
    ] as const) {
      await writeFile(path, pbkdf2().padEnd(maximum, maximum === PASSWORD_BYTES_MAX ? "x" : " "), { mode: 0o600 });
      await expect(read()).resolves.toBeDefined();
      await writeFile(path, pbkdf2().padEnd(maximum + 1, " "), { mode: 0o600 });
      await expect(read()).rejects.toMatchObject({ fault: "malformed" });
    }
  });
});

describe("validator keys", () => {
  it("KEYS-3: are made once, readable by their owner alone, and read back", async () => {
    const directory = join(await temporary(), "deep", "keys");
    const keys = await createValidatorKeys({ ...common, directory });
    expect(await openValidatorKeys(nodeFileSystem, directory, "pass", bls)).toEqual(keys);
    for (const name of ["bls.json", "transport.json"]) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(directory, name), "utf8")).not.toContain(
        Buffer.from(keys.blsSecretKey).toString("hex"),
      );
    }
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    await expect(createValidatorKeys({ ...common, directory })).rejects.toMatchObject({ fault: "exists" });
  });

  it("KEYS-4: a key out of range is refused", async () => {
    const directory = join(await temporary(), "keys");
    await createValidatorKeys({ ...common, directory });
    const path = join(directory, "bls.json");
    for (const bad of [0n, GROUP_ORDER]) {
      const options = { ...quick, description: "", publicKey: new Uint8Array(192) };
      await writeFile(path, await encryptKey(toBigEndian(bad, 32), options));
      const opening = openValidatorKeys(nodeFileSystem, directory, "pass", bls);
      await expect(opening).rejects.toMatchObject({ name: "KeystoreError", fault: "malformed", path });
    }
  });

  it("SIGN-9: sign with the record that was made with them, and not on a copy, a restored backup or without it", async () => {
    const base = await temporary();
    const directory = join(base, "keys");
    const keys = await createValidatorKeys({ ...common, directory });
    const open = () =>
      openLocalSigner({
        fileSystem: nodeFileSystem,
        directory: keys.protectionDirectory,
        secretKey: keys.blsSecretKey,
        domain: { chainId: 1n, stakeTable: `0x${"11".repeat(20)}`, salt: genesis },
        bls,
      });
    const vote = { kind: "nullify", epoch: Epoch(1n), view: View(1n) } as const;
    for (let start = 0; start < 3; start++) {
      const signer = await open();
      expect((await signer.sign(vote)).ok).toBe(true);
      await signer.close();
    }
    // A rename keeps the files: the record is still the one that was made.
    await rename(directory, join(base, "renamed"));
    await rename(join(base, "renamed"), directory);
    await (await open()).close();
    await cp(keys.protectionDirectory, join(base, "backup"), { recursive: true });
    await rm(keys.protectionDirectory, { recursive: true });
    await expect(open()).rejects.toMatchObject({ name: "ProtectionRecordError", fault: "missing" });
    await cp(join(base, "backup"), keys.protectionDirectory, { recursive: true });
    await expect(open()).rejects.toMatchObject({ name: "ProtectionRecordError", fault: "copied" });
    expect((await readdir(directory)).length).toBe(3);
  });
});
