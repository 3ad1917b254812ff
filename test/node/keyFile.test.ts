import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { toHex } from "../../src/codec/hex.ts";
import { GROUP_ORDER, toBigEndian } from "../../src/crypto/bls.ts";
import { generateKeys, KeyFileError, readKeyFile, writeKeyFile } from "../../src/node/keyFile.ts";
import { systemRandom, type Random } from "../../src/runtime/random.ts";

const directory = mkdtempSync(join(tmpdir(), "crema-keys-"));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("key file", () => {
  const keys = generateKeys(systemRandom);

  it("KEYFILE-1: keys come back as written, plain and encrypted, and the file is its owner's alone", () => {
    for (const password of [null, "correct horse"]) {
      const path = join(directory, `round-${String(password)}.json`);
      writeKeyFile(path, keys, password, systemRandom);
      expect(readKeyFile(path, password)).toEqual(keys);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
  });

  it("KEYFILE-2: an encrypted file shows nothing of the keys, opens with no other password and not when changed", () => {
    const path = join(directory, "sealed.json");
    writeKeyFile(path, keys, "right", systemRandom);
    const text = readFileSync(path, "utf8");
    expect(text).not.toContain(toHex(keys.consensusKey).slice(2, 20));
    expect(() => readKeyFile(path, "wrong")).toThrow(KeyFileError);
    expect(() => readKeyFile(path, null)).toThrow("keyPasswordFile");
    const changed = join(directory, "changed.json");
    writeFileSync(
      changed,
      text.replace(/("text": "0x)(.)/, (_all, head: string, digit: string) => `${head}${digit === "0" ? "1" : "0"}`),
      {
        mode: 0o600,
      },
    );
    expect(() => readKeyFile(changed, "right")).toThrow("does not open");
  });

  it("KEYFILE-3: an existing file is never replaced", () => {
    const path = join(directory, "once.json");
    writeKeyFile(path, keys, null, systemRandom);
    expect(() => writeKeyFile(path, generateKeys(systemRandom), null, systemRandom)).toThrow(KeyFileError);
    expect(readKeyFile(path, null)).toEqual(keys);
  });

  it("KEYFILE-4: a file that others can read, that is no JSON, lacks a field or holds a key out of range is refused", () => {
    const open = join(directory, "open.json");
    writeKeyFile(open, keys, null, systemRandom);
    chmodSync(open, 0o644);
    expect(() => readKeyFile(open, null)).toThrow("chmod 600");
    const bad = (name: string, content: string): string => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    expect(() => readKeyFile(bad("text.json", "hello"), null)).toThrow("not JSON");
    expect(() => readKeyFile(bad("empty.json", "{}"), null)).toThrow("no key file");
    const zero = {
      format: "crema-keys-1",
      encrypted: false,
      consensusKey: `0x${"00".repeat(32)}`,
      transportSeed: `0x${"11".repeat(32)}`,
    };
    expect(() => readKeyFile(bad("zero.json", JSON.stringify(zero)), null)).toThrow("out of range");
    expect(() => readKeyFile(join(directory, "absent.json"), null)).toThrow("cannot be read");
  });

  it("KEYFILE-5: generation rejects scalars out of range instead of reducing them", () => {
    const draws = [toBigEndian(0n, 32), toBigEndian(GROUP_ORDER, 32), toBigEndian(7n, 32), toBigEndian(9n, 32)];
    const random: Random = { bytes: () => draws.shift() ?? new Uint8Array(32), fraction: () => 0 };
    expect(generateKeys(random).consensusKey).toEqual(toBigEndian(7n, 32));
  });
});
