import { createPublicKey, type JsonWebKey } from "node:crypto";

import { GetPublicKeyCommand, KMSClient, KMSServiceException, SignCommand } from "@aws-sdk/client-kms";
import { computeAddress, recoverAddress, Signature } from "ethers";

import { fromHex, toHex } from "../../src/codec/hex.ts";
import { parseDerSignature } from "../../src/crypto/secp256k1.ts";
import type { Signer } from "../tx/signer.ts";
import { KeyError, SignerUnavailableError } from "./keyErrors.ts";
import { toTransaction } from "./localSigner.ts";

export interface KmsOptions {
  /** Key id, key ARN or `alias/...`. */
  readonly keyId: string;
  /** AWS region; the SDK's own sources (AWS_REGION, profile) when undefined. */
  readonly region: string | undefined;
  /** Another address of the service, such as a VPC endpoint; the region's own when undefined. */
  readonly endpoint: string | undefined;
  /** Account that the key must have; any when undefined. */
  readonly account: string | undefined;
  /** Longest time for one question, tries included, ms. */
  readonly timeoutMs: number;
  /** Tries of one question, the first included. */
  readonly attempts: number;
}

/** Answers of KMS that say nothing about the request (AWS KMS API reference, common errors). */
const TRANSIENT = new Set([
  "DependencyTimeoutException",
  "KeyUnavailableException",
  "KMSInternalException",
  "LimitExceededException",
  "RequestLimitExceeded",
  "ServiceUnavailable",
  "Throttling",
  "ThrottlingException",
]);

/**
 * PURSE-4: a secp256k1 key in AWS KMS (`ECC_SECG_P256K1`, `SIGN_VERIFY`), which never leaves it. KMS signs a digest and
 * answers in DER with any s; the recovery bit is found by recovering the account. Credentials come from where AWS tools
 * look for them. Rejects with `KeyError` when KMS refuses or another key answers, with `SignerUnavailableError` otherwise.
 */
export async function kmsSigner(options: KmsOptions): Promise<Signer> {
  const { keyId, region, endpoint, account, attempts, timeoutMs } = options;
  const client = new KMSClient({
    maxAttempts: attempts,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const bounded = (): { readonly abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(timeoutMs) });
  const address = await asked("GetPublicKey", async () => {
    const answer = await client.send(new GetPublicKeyCommand({ KeyId: keyId }), bounded());
    return addressOf(answer.PublicKey);
  });
  if (account !== undefined && account.toLowerCase() !== address.toLowerCase()) {
    throw new KeyError(`the KMS key is the account ${address}, not ${account}`);
  }
  return {
    address,
    sign: async (unsigned) => {
      const transaction = toTransaction(unsigned);
      const digest = transaction.unsignedHash;
      const der = await asked("Sign", async () => {
        const command = new SignCommand({
          KeyId: keyId,
          Message: fromHex(digest),
          MessageType: "DIGEST",
          SigningAlgorithm: "ECDSA_SHA_256",
        });
        return (await client.send(command, bounded())).Signature;
      });
      transaction.signature = signatureBy(address, digest, der);
      return transaction.serialized;
    },
  };
}

/** The account of a public key in SubjectPublicKeyInfo form (RFC 5280, RFC 5480). */
function addressOf(spki: Uint8Array | undefined): string {
  const key = jsonWebKey(spki);
  if (key?.crv !== "secp256k1" || key.x === undefined || key.y === undefined) {
    throw new KeyError("the KMS key is not of the kind ECC_SECG_P256K1");
  }
  const coordinate = (text: string): string => Buffer.from(text, "base64url").toString("hex").padStart(64, "0");
  return computeAddress(`0x04${coordinate(key.x)}${coordinate(key.y)}`);
}

function jsonWebKey(spki: Uint8Array | undefined): JsonWebKey | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki ?? []), format: "der", type: "spki" }).export({ format: "jwk" });
  } catch {
    return undefined;
  }
}

/** The signature with the recovery bit for which it is the account's. */
function signatureBy(address: string, digest: string, der: Uint8Array | undefined): Signature {
  const parsed = parseDerSignature(der ?? new Uint8Array());
  if (parsed === undefined) {
    throw new KeyError(`KMS answered with no signature: ${toHex((der ?? new Uint8Array()).slice(0, 80))}`);
  }
  for (const yParity of [0, 1] as const) {
    const signature = Signature.from({ ...parsed, yParity });
    if (recoversTo(address, digest, signature)) return signature;
  }
  throw new KeyError(`KMS signed with another key than that of ${address}`);
}

/** One of the two recovery bits may name no point at all. */
function recoversTo(address: string, digest: string, signature: Signature): boolean {
  try {
    return recoverAddress(digest, signature) === address;
  } catch {
    return false;
  }
}

/** Asks KMS; what goes wrong becomes one of two errors. */
async function asked<T>(question: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof KeyError) throw error;
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const text = `KMS ${question}: ${name}: ${message.slice(0, 300)}`;
    throw isFinal(error) ? new KeyError(text) : new SignerUnavailableError(text, { cause: error });
  }
}

/** What no further try can change: a refusal of the service, or a client without credentials or region. */
function isFinal(error: unknown): boolean {
  if (error instanceof KMSServiceException) {
    const status = error.$metadata.httpStatusCode ?? 500;
    return status < 500 && status !== 429 && !TRANSIENT.has(error.name);
  }
  if (!(error instanceof Error)) return false;
  return error.name === "CredentialsProviderError" || /region is missing/i.test(error.message);
}
