import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";

import { Transaction, Wallet } from "ethers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";

import { KeyError, SignerUnavailableError } from "../../../relayer/keys/keyErrors.ts";
import { readSecretFile, signerFromKey, signerFromKeystore } from "../../../relayer/keys/localSigner.ts";
import { ANSWER_BYTES_MAX, web3Signer } from "../../../relayer/keys/web3Signer.ts";
import type { Signer } from "../../../relayer/tx/signer.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { temporaryFolder } from "../support/backends.ts";

const WALLET = new Wallet(`0x${"22".repeat(32)}`);
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

describe("keys", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => (folder = temporaryFolder()));
  afterEach(() => {
    folder.remove();
  });
  const secret = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder.path, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  it("PURSE-1: a key from text signs what it was asked to", async () => {
    const signer = signerFromKey(`${WALLET.privateKey}\n`, "test");
    const signed = Transaction.from(await signer.sign(UNSIGNED));
    const rest = { nonce: UNSIGNED.nonce, data: UNSIGNED.data, gasLimit: UNSIGNED.gasLimit, chainId: UNSIGNED.chainId };
    expect(signed).toMatchObject({ ...rest, from: WALLET.address, type: 2 });
    expect(signed.to?.toLowerCase()).toBe(UNSIGNED.to);
  });

  it("PURSE-1: a key that is none is refused without being shown", () => {
    expect(() => signerFromKey("0x1234secret", "CREMA_RELAYER_KEY")).toThrow(
      /^CREMA_RELAYER_KEY holds no 0x private key of 32 bytes$/,
    );
  });

  it("PURSE-1: a file that others can read is refused", () => {
    expect(() => readSecretFile(secret("key", WALLET.privateKey, 0o644))).toThrow(/can be read by others/);
    expect(readSecretFile(secret("key", WALLET.privateKey))).toBe(WALLET.privateKey);
  });

  it("PURSE-2: an encrypted keystore opens with its password only", async () => {
    const json = await WALLET.encrypt("correct", undefined);
    const keystore = secret("keystore.json", json);
    const signer = await signerFromKeystore(keystore, secret("password", "correct\n"));
    expect(signer.address).toBe(WALLET.address);
    await expect(signerFromKeystore(keystore, secret("password", "wrong"))).rejects.toThrow(
      /cannot be opened: wrong password/,
    );
  });

  it.each([
    ["text", "not json"],
    ["other JSON", "{}"],
    ["a keystore without its cipher", '{"version":3,"crypto":{}}'],
  ])("PURSE-2: %s is no keystore", async (_title, content) => {
    const password = secret("password", "correct");
    const failed = await signerFromKeystore(secret("k.json", content), password).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(KeyError);
    expect(String(failed)).toMatch(/cannot be opened: not a keystore/);
  });

  it("PURSE-2: a keystore or password that is missing, or that others can read, is refused", async () => {
    const password = secret("password", "correct");
    await expect(signerFromKeystore(join(folder.path, "none"), password)).rejects.toThrow(/cannot be read/);
    await expect(signerFromKeystore(secret("k.json", "{}", 0o640), password)).rejects.toThrow(/read by others/);
    await expect(signerFromKeystore(secret("k2.json", "{}"), secret("p2", "x", 0o644))).rejects.toThrow(
      /p2 can be read/,
    );
  });
});

const request = z.object({ method: z.string(), params: z.array(z.record(z.string(), z.string())) });

/** What a signer of the test does instead of answering properly. */
type Fault = (response: ServerResponse, signed: string) => void;

const answer =
  (text: string, status = 200): Fault =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(text);

interface RemoteSigner {
  readonly url: string;
  readonly asked: string[];
  readonly faults: Fault[];
  close(): void;
}

/** Speaks `eth_signTransaction` as Web3Signer does; `tamper` is what a dishonest one changes. */
async function startSigner(tamper: (transaction: Transaction) => void = () => undefined): Promise<RemoteSigner> {
  const asked: string[] = [];
  const faults: Fault[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method, params } = request.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      asked.push(method);
      const { gas, ...fields } = { ...params[0] };
      delete fields["from"];
      const transaction = Transaction.from({
        ...fields,
        gasLimit: gas ?? "0x0",
        nonce: Number(fields["nonce"]),
        chainId: BigInt(fields["chainId"] ?? 0),
        to: fields["to"] ?? null,
        type: 2,
      });
      tamper(transaction);
      const fault = faults.shift();
      void WALLET.signTransaction(transaction).then((result) =>
        fault === undefined ? response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result })) : fault(response, result),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${String(address.port)}/path`, asked, faults, close };
}

describe("PURSE-3: a remote signer over eth_signTransaction", () => {
  let server: RemoteSigner;
  afterEach(() => {
    server.close();
  });
  const signer = (over: { readonly account?: string; readonly attempts?: number } = {}): Signer => {
    return web3Signer({
      url: server.url,
      account: WALLET.address,
      timeoutMs: 500,
      attempts: 1,
      clock: systemClock,
      ...over,
    });
  };

  it("signs what it is asked to", async () => {
    server = await startSigner();
    const signed = Transaction.from(await signer().sign(UNSIGNED));
    expect([signed.from, signed.nonce, signed.data]).toEqual([WALLET.address, 3, "0x1234"]);
    expect(server.asked).toEqual(["eth_signTransaction"]);
  });

  it("one that signs something else is found out", async () => {
    server = await startSigner((transaction) => (transaction.value = 1n));
    await expect(signer().sign(UNSIGNED)).rejects.toThrow(KeyError);
  });

  it("one that signs with another key is found out", async () => {
    server = await startSigner();
    await expect(signer({ account: `0x${"bb".repeat(20)}` }).sign(UNSIGNED)).rejects.toThrow(
      /signed another transaction/,
    );
  });

  it.each([
    [
      "a refusal",
      answer('{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no such account"}}'),
      /no such account/,
    ],
    ["a refused login", answer("{}", 401), /HTTP 401/],
    ["a transaction that is none", answer('{"result":"0x02c0"}'), /no signed transaction/],
    [
      "an unsigned transaction",
      (response, signed) => {
        const unsigned = Transaction.from(signed).unsignedSerialized;
        response.end(JSON.stringify({ result: unsigned }));
      },
      /signed another transaction/,
    ],
  ] satisfies readonly (readonly [string, Fault, RegExp])[])("%s is a KeyError", async (_title, fault, message) => {
    server = await startSigner();
    server.faults.push(fault);
    const failed = await signer({ attempts: 3 })
      .sign(UNSIGNED)
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(KeyError);
    expect(String(failed)).toMatch(message);
    expect(server.asked).toHaveLength(1);
  });

  it.each([
    ["an internal error", answer("oops", 500)],
    ["too many requests", answer("slow down", 429)],
    ["a page that is no JSON", answer("<html>")],
    ["an empty answer", answer("")],
    ["an answer without a result", answer("{}")],
    ["an endless answer", answer(`"${"0".repeat(ANSWER_BYTES_MAX)}"`)],
    ["a connection that is cut", (response) => void response.destroy()],
    ["no answer", () => undefined],
  ] satisfies readonly (readonly [string, Fault])[])("%s is a SignerUnavailableError", async (_title, fault) => {
    server = await startSigner();
    server.faults.push(fault);
    const failed = await signer()
      .sign(UNSIGNED)
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(SignerUnavailableError);
    expect(String(failed)).not.toContain("path");
  });

  it("tries again, so often and no more", async () => {
    server = await startSigner();
    const fault = answer("oops", 500);
    server.faults.push(fault, fault);
    expect(Transaction.from(await signer({ attempts: 3 }).sign(UNSIGNED)).from).toBe(WALLET.address);
    server.faults.push(fault, fault, fault);
    await expect(signer({ attempts: 3 }).sign(UNSIGNED)).rejects.toThrow(SignerUnavailableError);
    expect(server.asked).toHaveLength(6);
  });
});
