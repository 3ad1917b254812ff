import * as z from "zod";

import { fromHex, isHex, toHex } from "../codec/hex.ts";
import { SIGNATURE_BYTES } from "../crypto/bls.ts";
import { PAYLOAD_BYTES_LIMIT } from "../protocol/ClusterConfig.ts";
import { bitmapBytes, SEATS_MAX } from "../protocol/Committee.ts";
import { BUNDLE_PARTS_MAX, BUNDLE_PARTS_MIN } from "../protocol/Transaction.ts";
import * as Wire from "./wire.ts";
import * as Scalar from "./wireScalars.ts";

/** The JSON forms of the API that carry no proof: requests, pages, status. See `wire.ts` for what can be verified. */

/** Longest page of anything. */
export const PAGE_MAX = 100;
const NAMESPACES_MAX = 10_000;
const TRANSACTIONS_MAX = 100_000;
const REASON_LENGTH_MAX = 1024;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const encoding = z.enum(["hex", "base64"]);
const dataText = z.string().max(2 + 2 * PAYLOAD_BYTES_LIMIT);
const dataBytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "expected bytes");

function decodeData(text: string, given: "hex" | "base64" | undefined): Uint8Array | undefined {
  if (given !== "base64") return isHex(text) ? fromHex(text) : undefined;
  return BASE64.test(text) ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) : undefined;
}

/** A transaction's data: `0x` hexadecimal, or padded standard base64 where `encoding` says so. */
export const submission = z.codec(
  z.strictObject({ data: dataText, encoding: encoding.exactOptional() }),
  z.strictObject({ data: dataBytes }),
  {
    decode: ({ data, encoding: given }, context) => {
      const bytes = decodeData(data, given);
      if (bytes !== undefined) return { data: bytes };
      const message = `expected ${given ?? "hex"} data`;
      context.issues.push({ code: "custom", message, path: ["data"], input: data.slice(0, 80) });
      return z.NEVER;
    },
    encode: ({ data }) => ({ data: toHex(data) }),
  },
);

/** One bundle: what it says to each namespace, all of it in one block or nothing. */
export const bundleSubmission = z.strictObject({
  parts: z
    .array(z.strictObject({ namespace: Scalar.namespaceId, data: Scalar.bytes(PAYLOAD_BYTES_LIMIT) }))
    .min(BUNDLE_PARTS_MIN)
    .max(BUNDLE_PARTS_MAX)
    .readonly(),
});

/** `hash` is keccak-256 of the envelope: the transaction's name inside its namespace. */
export const submitted = z.strictObject({ namespace: Scalar.namespaceId, hash: Scalar.hash });

export const submittedBundle = z.strictObject({
  bundle: Scalar.hash,
  transactions: z.array(submitted).min(BUNDLE_PARTS_MIN).max(BUNDLE_PARTS_MAX).readonly(),
});

export const transactionPlace = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("unknown") }),
  z.strictObject({ kind: z.literal("pending") }),
  z.strictObject({ kind: z.literal("finalized"), height: Scalar.height, index: z.int().min(0) }),
]);

export const block = z.strictObject({
  hash: Scalar.hash,
  header: Wire.header,
  payloadBytes: z.int().min(0).max(PAYLOAD_BYTES_LIMIT),
});

/** `next` is where the next page starts; absent on the last one there is now. */
export const blockPage = z.strictObject({
  blocks: z.array(block).max(PAGE_MAX).readonly(),
  next: Scalar.height.exactOptional(),
});

export const payload = z.strictObject({
  hash: Scalar.hash,
  namespaces: z
    .array(
      z.strictObject({
        namespace: Scalar.namespaceId,
        envelopes: z.array(Scalar.bytes(PAYLOAD_BYTES_LIMIT)).max(TRANSACTIONS_MAX).readonly(),
      }),
    )
    .max(NAMESPACES_MAX)
    .readonly(),
});

/** `next` is the `after` of the next page; absent on the last one there is now. */
export const handoverPage = z.strictObject({
  handovers: z.array(Wire.finalization).max(PAGE_MAX).readonly(),
  next: Scalar.epoch.exactOptional(),
});

const round = { epoch: Scalar.epoch, view: Scalar.view };
const message = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("notarize"), ...round, block: Scalar.hash }),
  z.strictObject({ kind: z.literal("nullify"), ...round }),
  z.strictObject({ kind: z.literal("finalize"), ...round, block: Scalar.hash }),
  z.strictObject({
    kind: z.literal("resume"),
    epoch: Scalar.epoch,
    block: Scalar.hash,
    committee: Scalar.committeeId,
  }),
]);
const signers = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("key"), validator: Scalar.validatorId }),
  z.strictObject({
    kind: z.literal("committee"),
    committee: Scalar.committeeId,
    absent: Scalar.bytes(bitmapBytes(SEATS_MAX)),
  }),
]);
const statement = z.strictObject({ message, signers, signature: Scalar.fixedBytes(SIGNATURE_BYTES) });

export const evidence = z.strictObject({ first: statement, second: statement });

/** Numbers rise by one; `next` is the `from` of the next page, given even where the page is empty. */
export const evidencePage = z.strictObject({
  entries: z
    .array(z.strictObject({ number: z.int().min(0), evidence }))
    .max(PAGE_MAX)
    .readonly(),
  next: z.int().min(0),
});

const count = z.int().min(0);

export const limits = z.strictObject({
  transactionBytesMax: count,
  transactionsMax: count,
  namespacesMax: count,
  payloadBytesMax: count,
});

export const status = z.strictObject({
  genesisHash: Scalar.hash,
  l1ChainId: Scalar.uint64,
  stakeTable: z.string().regex(/^0x[0-9a-f]{40}$/, "expected a lower-case address"),
  validator: Scalar.validatorId.exactOptional(),
  height: Scalar.height,
  hash: Scalar.hash,
  timestamp: Scalar.uint64,
  epoch: Scalar.epoch,
  view: Scalar.view,
  committee: Scalar.committeeId,
  oldestHeight: Scalar.height,
  l1Number: Scalar.uint64,
  peers: count,
  mempool: z.strictObject({ transactions: count, bytes: count }),
  notReady: z.string().max(REASON_LENGTH_MAX).exactOptional(),
  epochLength: Scalar.uint64,
  limits,
});

/** One message of the stream: a finalized block, with its own finalization if it has one. */
export const streamed = z.strictObject({
  hash: Scalar.hash,
  header: Wire.header,
  finalization: Wire.certificate.exactOptional(),
});

/** A failed answer, RFC 9457. */
export const problem = z.looseObject({
  type: z.string().max(REASON_LENGTH_MAX),
  title: z.string().max(REASON_LENGTH_MAX),
  status: z.int(),
  code: z.string().max(64),
  detail: z.string(),
  values: z.record(z.string(), z.json()),
});
