import * as z from "zod";

import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../crypto/bls.ts";
import { PROOF_LENGTH_MAX } from "../crypto/merkle.ts";
import { PAYLOAD_BYTES_LIMIT } from "../protocol/ClusterConfig.ts";
import { bitmapBytes, SEATS_MAX } from "../protocol/Committee.ts";
import { BUNDLE_PARTS_MAX, BUNDLE_PARTS_MIN } from "../protocol/Transaction.ts";
import * as Scalar from "./wireScalars.ts";

/**
 * The JSON form of what light clients verify. These codecs are the door for foreign JSON: what they decode is bounded
 * and well formed, and nothing more; whether it is true is for `confirmation.ts` to find out.
 */

/** Namespace blocks in one range. */
export const NAMESPACE_RANGE_MAX = 50;
const TRANSACTIONS_MAX = 100_000;
const ADDRESS_LENGTH_MAX = 512;

export const header = z.strictObject({
  height: Scalar.height,
  epoch: Scalar.epoch,
  viewNumber: Scalar.view,
  committee: Scalar.committeeId,
  timestamp: Scalar.uint64,
  parent: Scalar.hash,
  history: Scalar.hash,
  payload: Scalar.hash,
  namespaces: Scalar.hash,
  l1Number: Scalar.uint64,
  l1Hash: Scalar.hash,
  nextCommittee: Scalar.committeeId,
  proposer: z.int().min(0).max(0xffff),
});

const finalize = z.strictObject({
  kind: z.literal("finalize"),
  epoch: Scalar.epoch,
  view: Scalar.view,
  block: Scalar.hash,
});

export const certificate = z.strictObject({
  vote: finalize,
  absent: Scalar.bytes(bitmapBytes(SEATS_MAX)),
  signature: Scalar.fixedBytes(SIGNATURE_BYTES),
});

export const finalization = z.strictObject({ header, certificate });

/** A resume that a quorum of the committee it names has signed, with the header of its block. */
export const resume = z.strictObject({
  message: z.strictObject({ epoch: Scalar.epoch, block: Scalar.hash, committee: Scalar.committeeId }),
  header,
  absent: Scalar.bytes(bitmapBytes(SEATS_MAX)),
  signature: Scalar.fixedBytes(SIGNATURE_BYTES),
});

const member = z.strictObject({
  validator: Scalar.validatorId,
  seat: z.int().min(0).max(0xffff),
  key: Scalar.fixedBytes(PUBLIC_KEY_BYTES),
  weight: Scalar.uint64,
  transportKey: Scalar.fixedBytes(32),
  address: z.string().max(ADDRESS_LENGTH_MAX),
});

export const committee = z.strictObject({
  id: Scalar.committeeId,
  members: z.array(member).max(SEATS_MAX).readonly(),
  randomness: Scalar.hash,
  createdNumber: Scalar.uint64,
  createdAt: Scalar.uint64,
});

export const path = z.array(Scalar.hash).max(PROOF_LENGTH_MAX).readonly();

const entry = z.strictObject({ namespace: Scalar.namespaceId, txCount: Scalar.uint64, txRoot: Scalar.hash });
const row = z.strictObject({ entry, index: Scalar.uint64, path });

const presence = z.strictObject({
  kind: z.literal("present"),
  size: Scalar.uint64,
  entry,
  index: Scalar.uint64,
  path,
});
const absence = z.strictObject({
  kind: z.literal("absent"),
  size: Scalar.uint64,
  left: row.exactOptional(),
  right: row.exactOptional(),
});
export const namespaceProof = z.discriminatedUnion("kind", [presence, absence]);

const transactionProof = z.strictObject({ index: Scalar.uint64, path });
const envelope = Scalar.bytes(PAYLOAD_BYTES_LIMIT);

const confirmedBlock = {
  header,
  finalized: finalization,
  history: path.exactOptional(),
};
const part = { namespace: presence, transaction: transactionProof, envelope };

export const confirmation = z.strictObject({ ...confirmedBlock, ...part });

export const bundleConfirmation = z.strictObject({
  ...confirmedBlock,
  bundle: Scalar.hash,
  parts: z.array(z.strictObject(part)).min(BUNDLE_PARTS_MIN).max(BUNDLE_PARTS_MAX).readonly(),
});

export const namespaceBlock = z.strictObject({
  header,
  proof: namespaceProof,
  envelopes: z.array(envelope).max(TRANSACTIONS_MAX).readonly(),
});

/**
 * A namespace over consecutive blocks. The last one is proven by `finalized` and `history` as in a confirmation; each
 * other one by being the parent of the next. `finalized` is absent iff `blocks` is empty.
 */
export const namespaceRange = z.strictObject({
  blocks: z.array(namespaceBlock).max(NAMESPACE_RANGE_MAX).readonly(),
  finalized: finalization.exactOptional(),
  history: path.exactOptional(),
});

export const historyProof = z.strictObject({ header, size: Scalar.height, path });
