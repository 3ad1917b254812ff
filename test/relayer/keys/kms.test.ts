import { Transaction, Wallet } from "ethers";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { KeyError, SignerUnavailableError } from "../../../relayer/keys/keyErrors.ts";
import { kmsSigner, type KmsOptions } from "../../../relayer/keys/kmsSigner.ts";
import { fromHex } from "../../../src/codec/hex.ts";
import { parseDerSignature } from "../../../src/crypto/secp256k1.ts";
import {
  CREDENTIALS,
  KEY_ID,
  REGION,
  signDigest,
  startKms,
  type KmsFault,
  type KmsServer,
} from "../support/kmsServer.ts";

const SECRET = new Uint8Array(32).fill(0x33);
const OTHER = new Uint8Array(32).fill(0x44);
const ADDRESS = new Wallet(`0x${"33".repeat(32)}`).address;
const UNSIGNED = {
  chainId: 1n,
  nonce: 3,
  to: `0x${"aa".repeat(20)}`,
  data: "0x1234",
  value: 0n,
  gasLimit: 50_000n,
  maxFeePerGas: 20n,
  maxPriorityFeePerGas: 2n,
};

/** SubjectPublicKeyInfo of a point of NIST P-256. */
const P256 = Buffer.from(
  "3059301306072a8648ce3d020106082a8648ce3d03010703420004" +
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
  "hex",
);

describe("PURSE-4: a key in AWS KMS", () => {
  let kms: KmsServer;
  beforeEach(async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", CREDENTIALS.id);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret);
    vi.stubEnv("AWS_CONFIG_FILE", "/dev/null");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    kms = await startKms(SECRET);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await kms.close();
  });

  const options = (over: Partial<KmsOptions> = {}): KmsOptions => ({
    ...{ keyId: KEY_ID, region: REGION, endpoint: kms.url, account: undefined, timeoutMs: 5_000, attempts: 1 },
    ...over,
  });

  it("signs what it was asked to, whichever s the service chooses", async () => {
    const signer = await kmsSigner(options({ account: ADDRESS.toLowerCase() }));
    expect(signer.address).toBe(ADDRESS);
    for (let nonce = 0; nonce < 12; nonce++) {
      if (nonce === 11) kms.faults.push({ kind: "high-s" });
      const signed = Transaction.from(await signer.sign({ ...UNSIGNED, nonce }));
      expect([signed.from, signed.nonce, signed.data, signed.type]).toEqual([ADDRESS, nonce, "0x1234", 2]);
    }
    expect(kms.asked).toEqual(["GetPublicKey", ...Array<string>(12).fill("Sign")]);
  });

  it("an account that is not the key's is refused at the start", async () => {
    await expect(kmsSigner(options({ account: `0x${"bb".repeat(20)}` }))).rejects.toThrow(KeyError);
  });

  it.each([
    ["a key of another curve", P256],
    ["garbage", Buffer.from("3056garbage")],
    ["nothing", undefined],
  ])("%s for a public key is refused at the start", async (_title, bytes) => {
    kms.faults.push({ kind: "public-key", bytes });
    await expect(kmsSigner(options())).rejects.toThrow(/not of the kind ECC_SECG_P256K1/);
  });

  const FINAL: readonly (readonly [string, KmsFault, RegExp])[] = [
    ["another key's signature", { kind: "other-key", secretKey: OTHER }, /signed with another key/],
    ["no signature", { kind: "signature", bytes: undefined }, /no signature/],
    ["garbage for a signature", { kind: "signature", bytes: new Uint8Array(70).fill(7) }, /no signature/],
    ["a disabled key", { kind: "error", status: 400, type: "DisabledException" }, /DisabledException/],
    ["no permission", { kind: "error", status: 400, type: "AccessDeniedException" }, /AccessDeniedException/],
  ];
  it.each(FINAL)("%s is a KeyError", async (_title, fault, message) => {
    const signer = await kmsSigner(options());
    kms.faults.push(fault);
    const failed = await signer.sign(UNSIGNED).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(KeyError);
    expect(String(failed)).toMatch(message);
    expect(String(failed)).not.toContain(CREDENTIALS.secret);
  });

  const PASSING: readonly (readonly [string, KmsFault])[] = [
    ["throttling", { kind: "error", status: 400, type: "ThrottlingException" }],
    ["an internal error", { kind: "error", status: 500, type: "KMSInternalException" }],
    ["a key that is not available now", { kind: "error", status: 500, type: "KeyUnavailableException" }],
    ["a proxy's error page", { kind: "html", status: 503 }],
    ["a page that is no JSON", { kind: "html", status: 200 }],
    ["a connection that is cut", { kind: "hang-up" }],
    ["no answer", { kind: "hang" }],
  ];
  it.each(PASSING)("%s is a SignerUnavailableError, and the next request works", async (_title, fault) => {
    const signer = await kmsSigner(options({ timeoutMs: 500 }));
    kms.faults.push(fault);
    await expect(signer.sign(UNSIGNED)).rejects.toThrow(SignerUnavailableError);
    expect(Transaction.from(await signer.sign(UNSIGNED)).from).toBe(ADDRESS);
  });

  it("tries again, so often and no more", async () => {
    const fault = { kind: "error", status: 500, type: "KMSInternalException" } as const;
    const signer = await kmsSigner(options({ attempts: 3 }));
    kms.faults.push(fault, fault);
    expect(Transaction.from(await signer.sign(UNSIGNED)).from).toBe(ADDRESS);
    expect(kms.asked.length).toBe(4);
    kms.faults.push(fault, fault, fault);
    await expect(signer.sign(UNSIGNED)).rejects.toThrow(SignerUnavailableError);
    expect(kms.asked.length).toBe(7);
  });

  it("credentials that the service does not know are a KeyError, as is none at all", async () => {
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "wrong");
    await expect(kmsSigner(options())).rejects.toThrow(/InvalidSignatureException/);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    await expect(kmsSigner(options())).rejects.toThrow(KeyError);
  });
});

describe("PURSE-4: signatures in DER", () => {
  it('the published signature of key 1 over SHA-256 of "Satoshi Nakamoto", with either s', () => {
    const r = "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8";
    const s = "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5";
    const highS = "dbbd3162d46e9f9bef7feb87c16dc13b4f6568a87f4e83f728e2443ba586675c";
    const low = fromHex(`0x3045022100${r}0220${s}`);
    const high = fromHex(`0x3046022100${r}022100${highS}`);
    expect(parseDerSignature(low)).toEqual({ r: `0x${r}`, s: `0x${s}` });
    expect(parseDerSignature(high)).toEqual({ r: `0x${r}`, s: `0x${s}` });
  });

  it("every other encoding of a signature is none", () => {
    const digest = new Uint8Array(32).fill(9);
    const der = signDigest(SECRET, digest, false);
    const cases = [
      new Uint8Array(),
      der.slice(0, -1),
      Uint8Array.from([...der, 0]),
      Uint8Array.from([0x31, ...der.slice(1)]),
      fromHex("0x3006020100020101"),
      fromHex("0x30080202000102020001"),
      fromHex("0x3006028101020101"),
      fromHex("0x3006020181020101"),
    ];
    expect(cases.map(parseDerSignature)).toEqual(cases.map(() => undefined));
  });

  it("no bytes make it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const parsed = parseDerSignature(bytes);
        expect(parsed === undefined || parsed.r.length === 66).toBe(true);
      }),
    );
  });
});
