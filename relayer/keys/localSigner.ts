import { readFileSync, statSync } from "node:fs";

import { Transaction, Wallet, type BaseWallet } from "ethers";

import type { Signer, UnsignedTransaction } from "../tx/signer.ts";
import { KeyError } from "./keyErrors.ts";

/** A key in this process. */
export function localSigner(wallet: BaseWallet): Signer {
  return {
    address: wallet.address,
    sign: (unsigned) => wallet.signTransaction(toTransaction(unsigned)),
  };
}

export function toTransaction(unsigned: UnsignedTransaction): Transaction {
  return Transaction.from({ ...unsigned, type: 2 });
}

/** PURSE-1: a 0x private key as text, from a file or the environment. */
export function signerFromKey(text: string, origin: string): Signer {
  try {
    return localSigner(new Wallet(text.trim()));
  } catch {
    throw new KeyError(`${origin} holds no 0x private key of 32 bytes`);
  }
}

/** Reads a secret that only its owner can read. */
export function readSecretFile(path: string): string {
  try {
    if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
      throw new KeyError(`${path} can be read by others: chmod 600 ${path}`);
    }
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** PURSE-2: an encrypted JSON keystore (Web3 Secret Storage), as geth and ethers write it. */
export async function signerFromKeystore(path: string, passwordFile: string): Promise<Signer> {
  const password = readSecretFile(passwordFile);
  const json = readSecretFile(path);
  try {
    return localSigner(await Wallet.fromEncryptedJson(json, password));
  } catch (error) {
    const reason = error instanceof Error && /password/i.test(error.message) ? "wrong password" : "not a keystore";
    throw new KeyError(`${path} cannot be opened: ${reason}`);
  }
}
