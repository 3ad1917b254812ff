import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { z } from "zod";

/** What goes wrong with one request; requests without a fault are answered properly. */
export type KmsFault =
  | { readonly kind: "error"; readonly status: number; readonly type: string }
  | { readonly kind: "html"; readonly status: number }
  | { readonly kind: "hang" }
  | { readonly kind: "hang-up" }
  | { readonly kind: "signature"; readonly bytes: Uint8Array | undefined }
  | { readonly kind: "other-key"; readonly secretKey: Uint8Array }
  | { readonly kind: "high-s" }
  | { readonly kind: "public-key"; readonly bytes: Uint8Array | undefined };

export interface KmsServer {
  readonly url: string;
  /** Operations asked, in order. */
  readonly asked: readonly string[];
  /** Faults of the next requests, in order; undefined answers properly. */
  readonly faults: (KmsFault | undefined)[];
  close(): Promise<void>;
}

export const KEY_ID = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
export const REGION = "eu-central-1";
export const CREDENTIALS = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" } as const;

const signRequest = z.strictObject({
  KeyId: z.literal(KEY_ID),
  Message: z.base64(),
  MessageType: z.literal("DIGEST"),
  SigningAlgorithm: z.literal("ECDSA_SHA_256"),
});
const publicKeyRequest = z.strictObject({ KeyId: z.literal(KEY_ID) });

const { ORDER } = secp256k1.Point.Fn;

/** SubjectPublicKeyInfo of an uncompressed secp256k1 point. */
export function spkiOf(secretKey: Uint8Array): Uint8Array {
  const header = Buffer.from("3056301006072a8648ce3d020106052b8104000a034200", "hex");
  return Buffer.concat([header, secp256k1.getPublicKey(secretKey, false)]);
}

/**
 * AWS KMS as far as signing goes, over HTTP as the service speaks it: AWS JSON 1.1, `X-Amz-Target: TrentService.*`, Signature
 * Version 4 checked to the last bit. Signatures come with either s, at random, as from the service.
 */
export async function startKms(secretKey: Uint8Array): Promise<KmsServer> {
  const asked: string[] = [];
  const faults: (KmsFault | undefined)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const operation = String(request.headers["x-amz-target"]).replace("TrentService.", "");
      asked.push(operation);
      const refusal = refusalOf(request, body);
      if (refusal === undefined) answer(response, { operation, body, secretKey, fault: faults.shift() });
      else fail(response, 400, refusal);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: urlOf(server), asked, faults, close: () => close(server) };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${String(address.port)}`;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

interface Question {
  readonly operation: string;
  readonly body: Buffer;
  readonly secretKey: Uint8Array;
  readonly fault: KmsFault | undefined;
}

function answer(response: ServerResponse, { operation, body, secretKey, fault }: Question): void {
  if (fault?.kind === "hang") return;
  if (fault?.kind === "hang-up") return void response.destroy();
  if (fault?.kind === "error") {
    fail(response, fault.status, fault.type);
    return;
  }
  if (fault?.kind === "html") {
    response.writeHead(fault.status, { "content-type": "text/html" }).end("<html>proxy</html>");
    return;
  }
  const parsed: unknown = JSON.parse(body.toString("utf8"));
  if (operation === "GetPublicKey") {
    publicKeyRequest.parse(parsed);
    const key = fault?.kind === "public-key" ? fault.bytes : spkiOf(secretKey);
    const PublicKey = key === undefined ? undefined : Buffer.from(key).toString("base64");
    const kind = { KeySpec: "ECC_SECG_P256K1", KeyUsage: "SIGN_VERIFY", SigningAlgorithms: ["ECDSA_SHA_256"] };
    succeed(response, { KeyId: KEY_ID, PublicKey, ...kind });
    return;
  }
  const { Message } = signRequest.parse(parsed);
  const digest = Buffer.from(Message, "base64");
  if (digest.length !== 32) {
    fail(response, 400, "ValidationException");
    return;
  }
  const by = fault?.kind === "other-key" ? fault.secretKey : secretKey;
  const bytes = fault?.kind === "signature" ? fault.bytes : signDigest(by, digest, fault?.kind === "high-s");
  const Signature = bytes === undefined ? undefined : Buffer.from(bytes).toString("base64");
  succeed(response, { KeyId: KEY_ID, Signature, SigningAlgorithm: "ECDSA_SHA_256" });
}

/** DER, s in the upper half when asked for, else in either at random: the service does not care. */
export function signDigest(secretKey: Uint8Array, digest: Uint8Array, forceHigh: boolean): Uint8Array {
  const options = { prehash: false, format: "der", lowS: true, extraEntropy: true } as const;
  const { r, s } = secp256k1.Signature.fromBytes(secp256k1.sign(digest, secretKey, options), "der");
  const isHigh = forceHigh || (digest[0] ?? 0) % 2 === 0;
  return new secp256k1.Signature(r, isHigh ? ORDER - s : s).toBytes("der");
}

function succeed(response: ServerResponse, value: object): void {
  response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(value));
}

function fail(response: ServerResponse, status: number, type: string): void {
  const body = JSON.stringify({ __type: type, message: `${type} for a test` });
  response.writeHead(status, { "content-type": "application/x-amz-json-1.1", "x-amzn-errortype": type }).end(body);
}

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();

/** Why the service would not take the request at all (AWS Signature Version 4, step by step). */
function refusalOf(request: IncomingMessage, body: Buffer): string | undefined {
  if (request.method !== "POST" || request.url !== "/") return "UnknownOperationException";
  if (request.headers["content-type"] !== "application/x-amz-json-1.1") return "SerializationException";
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/kms\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const match = given.exec(request.headers.authorization ?? "");
  if (match === null) return "IncompleteSignatureException";
  const [, id = "", day = "", region = "", signedHeaders = "", signature] = match;
  if (id !== CREDENTIALS.id || region !== REGION) return "UnrecognizedClientException";
  const headers = signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  if (!["host", "x-amz-date", "x-amz-target"].every((name) => signedHeaders.split(";").includes(name))) {
    return "IncompleteSignatureException";
  }
  const canonical = ["POST", "/", "", headers.join(""), signedHeaders, sha256(body)].join("\n");
  const scope = `${day}/${region}/kms/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", String(request.headers["x-amz-date"]), scope, sha256(canonical)].join("\n");
  const keys = [day, region, "kms", "aws4_request"];
  const key = keys.reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${CREDENTIALS.secret}`);
  return hmac(key, text).toString("hex") === signature ? undefined : "InvalidSignatureException";
}
