import "reflect-metadata";
import { createPrivateKey, createPublicKey, webcrypto, type X509Certificate } from "node:crypto";

import * as x509 from "@peculiar/x509";

import { peerIdFromKey, type PeerId } from "./transport.ts";

/**
 * Self-signed ed25519 certificates (RFC 8410) that carry a transport key through TLS. Nothing but the key in them
 * counts: TLS 1.3 itself proves that the peer holds it (CertificateVerify, RFC 8446 section 4.4.3).
 */
export interface TransportIdentity {
  readonly id: PeerId;
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
}

export const TRANSPORT_SEED_BYTES = 32;

/** A transport seed that has not 32 bytes. */
export class TransportSeedError extends Error {
  override readonly name = "TransportSeedError";
}

/** Everything of a PKCS #8 ed25519 key that stands before the seed (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX_BYTES = 12;
const ALGORITHM = { name: "Ed25519" };
/** Validity is not checked: clocks differ, and the stake table says which keys count. */
const NOT_BEFORE = new Date("2020-01-01T00:00:00Z");
const NOT_AFTER = new Date("9999-12-31T23:59:59Z");

function pkcs8(seed: Uint8Array): Buffer {
  if (seed.length !== TRANSPORT_SEED_BYTES) {
    throw new TransportSeedError(`a transport seed has 32 bytes, not ${String(seed.length)}`);
  }
  return Buffer.concat([PKCS8_PREFIX, seed]);
}

/** The 32-byte public transport key of a 32-byte seed. */
export function transportKey(seed: Uint8Array): Uint8Array {
  const privateKey = createPrivateKey({ key: pkcs8(seed), format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return Uint8Array.from(spki.subarray(SPKI_PREFIX_BYTES));
}

/** Makes the certificate of a seed. */
export async function createIdentity(seed: Uint8Array): Promise<TransportIdentity> {
  const der = pkcs8(seed);
  const { subtle } = webcrypto;
  const key = transportKey(seed);
  const id = peerIdFromKey(key);
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]),
    subtle.importKey("raw", key, ALGORITHM, true, ["verify"]),
  ]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: "01",
      name: `CN=${id}`,
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
      keys: { privateKey, publicKey },
      signingAlgorithm: ALGORITHM,
    },
    webcrypto,
  );
  const pem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ type: "pkcs8", format: "pem" });
  return { id, certificate: certificate.toString("pem"), privateKey: pem.toString() };
}

/** The transport key in a peer's certificate; undefined for one that holds no ed25519 key. */
export function certificateId(certificate: X509Certificate): PeerId | undefined {
  try {
    const { publicKey } = certificate;
    if (publicKey.asymmetricKeyType !== "ed25519") return undefined;
    return peerIdFromKey(publicKey.export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX_BYTES));
  } catch {
    return undefined;
  }
}
