import { assert } from "../runtime/assert.ts";

declare const scalarBrand: unique symbol;
type Scalar<Name extends string> = bigint & { readonly [scalarBrand]: Name };

/** Largest value of any protocol integer. */
export const U64_MAX = (1n << 64n) - 1n;

/** Position of a block in the chain; genesis is 0. */
export type Height = Scalar<"Height">;
/** Attempt to extend the chain inside an epoch; the first is 1, 0 stands for the handover that began the epoch. */
export type View = Scalar<"View">;
/** Period with one committee; the first is 1, genesis belongs to 0. */
export type Epoch = Scalar<"Epoch">;
/** Number of a committee made by `StakeTable.rotate()`; the first is 1, 0 stands for none. */
export type CommitteeId = Scalar<"CommitteeId">;
/** Number of a validator in `StakeTable`; the first is 1. */
export type ValidatorId = Scalar<"ValidatorId">;
/** A rollup's namespace: its chain id. */
export type NamespaceId = Scalar<"NamespaceId">;

function checked(value: bigint, name: string): bigint {
  assert(value >= 0n && value <= U64_MAX, `${name} ${String(value)} must fit in uint64`);
  return value;
}

export const Height = (value: bigint): Height => checked(value, "height") as Height;
export const View = (value: bigint): View => checked(value, "view") as View;
export const Epoch = (value: bigint): Epoch => checked(value, "epoch") as Epoch;
export const CommitteeId = (value: bigint): CommitteeId => checked(value, "committee id") as CommitteeId;
export const ValidatorId = (value: bigint): ValidatorId => checked(value, "validator id") as ValidatorId;
export const NamespaceId = (value: bigint): NamespaceId => checked(value, "namespace id") as NamespaceId;

export const NO_COMMITTEE = CommitteeId(0n);
export const FIRST_VIEW = View(1n);
export const FIRST_EPOCH = Epoch(1n);
export const GENESIS_HEIGHT = Height(0n);
