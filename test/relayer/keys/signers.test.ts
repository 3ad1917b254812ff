import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";

import { Transaction, Wallet } from "ethers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";

import { KeyError, readSecretFile, signerFromKey, signerFromKeystore } from "../../../relayer/keys/localSigner.ts";
import { web3Signer } from "../../../relayer/keys/web3Signer.ts";
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
});

const request = z.object({ method: z.string(), params: z.array(z.record(z.string(), z.string())) });

/** Speaks `eth_signTransaction` as Web3Signer does; `tamper` is what a dishonest one changes. */
async function startSigner(
  tamper: (transaction: Transaction) => void,
): Promise<{ server: Server; url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method, params } = request.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      asked.push(method);
      const fields = { ...params[0] };
      delete fields["from"];
      const { gas } = fields;
      delete fields["gas"];
      const transaction = Transaction.from({
        ...fields,
        gasLimit: gas ?? "0x0",
        nonce: Number(fields["nonce"]),
        chainId: BigInt(fields["chainId"] ?? 0),
        to: fields["to"] ?? null,
        type: 2,
      });
      tamper(transaction);
      void WALLET.signTransaction(transaction).then((result) =>
        response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, url: `http://127.0.0.1:${String(address.port)}`, asked };
}

describe("PURSE-3: a remote signer over eth_signTransaction", () => {
  it("signs what it is asked to", async () => {
    const { server, url, asked } = await startSigner(() => undefined);
    const signed = Transaction.from(await web3Signer(url, WALLET.address, 1_000).sign(UNSIGNED));
    expect([signed.from, signed.nonce, signed.data, asked]).toEqual([
      WALLET.address,
      3,
      "0x1234",
      ["eth_signTransaction"],
    ]);
    server.close();
  });

  it("one that signs something else is found out", async () => {
    const { server, url } = await startSigner((transaction) => (transaction.value = 1n));
    await expect(web3Signer(url, WALLET.address, 1_000).sign(UNSIGNED)).rejects.toThrow(KeyError);
    server.close();
  });

  it("one that signs with another key is found out", async () => {
    const { server, url } = await startSigner(() => undefined);
    await expect(web3Signer(url, `0x${"bb".repeat(20)}`, 1_000).sign(UNSIGNED)).rejects.toThrow(
      /signed another transaction/,
    );
    server.close();
  });
});
