import { z } from "zod";

import { fromHex, toHex, type Hex } from "../codec/hex.ts";
import { PUBLIC_KEY_BYTES } from "../crypto/bls.ts";
import { toHash, type Hash } from "../crypto/hash.ts";
import { CommitteeId, Epoch, U64_MAX } from "../protocol/scalars.ts";
import type { FileSystem } from "../storage/fileSystem.ts";
import {
  createProtectionRecord,
  openProtectionRecord,
  ProtectionRecordError,
  type ProtectedKey,
} from "./protectionRecord.ts";
import { fresh, highestEpoch, VIEWS_MAX, type Protection } from "./slashingProtection.ts";

/**
 * The interchange format of slashing-protection records, in the manner of EIP-3076. Epochs and views are decimal
 * strings, hashes and keys lower-case 0x hexadecimal.
 *
 * An export disables the record it was made from before the first byte is given out. An import never reopens anything:
 * the importer signs only in epochs above every epoch named in the file.
 */

export const FORMAT = "crema-slashing-protection";
export const FORMAT_VERSION = "1";
/** The longest file: every view with two hashes, and room. */
export const INTERCHANGE_BYTES_MAX = 4 * 1024 * 1024;

const decimal = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,19})$/)
  .transform((text) => BigInt(text))
  .refine((value) => value <= U64_MAX, "must fit in uint64");
const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform(toHash);

const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  genesisHash: hash,
  publicKey: z.string().regex(new RegExp(`^0x[0-9a-f]{${String(2 * PUBLIC_KEY_BYTES)}}$`)),
  floor: z.strictObject({ epoch: decimal, view: decimal }),
  closedEpoch: decimal,
  votedEpoch: decimal,
  resumed: z.strictObject({ epoch: decimal, block: hash, committee: decimal }).nullable(),
  views: z
    .array(
      z.strictObject({
        epoch: decimal,
        view: decimal,
        block: hash.nullable(),
        notarized: z.boolean(),
        nullified: z.boolean(),
        finalized: z.boolean(),
      }),
    )
    .max(VIEWS_MAX),
});

/** The JSON document. */
export interface Interchange {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  readonly genesisHash: Hash;
  readonly publicKey: Hex;
  readonly floor: { readonly epoch: string; readonly view: string };
  readonly closedEpoch: string;
  readonly votedEpoch: string;
  readonly resumed: { readonly epoch: string; readonly block: Hash; readonly committee: string } | null;
  readonly views: readonly {
    readonly epoch: string;
    readonly view: string;
    readonly block: Hash | null;
    readonly notarized: boolean;
    readonly nullified: boolean;
    readonly finalized: boolean;
  }[];
}

/** A file that is no interchange document. */
export class InterchangeError extends Error {
  override readonly name = "InterchangeError";
}

function toInterchange(state: Protection): Interchange {
  const { resumed } = state;
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    genesisHash: state.genesis,
    publicKey: toHex(state.publicKey),
    floor: { epoch: String(state.floor.epoch), view: String(state.floor.view) },
    closedEpoch: String(state.epochFloor),
    votedEpoch: String(state.votedEpoch),
    resumed:
      resumed === undefined
        ? null
        : { epoch: String(resumed.epoch), block: resumed.block, committee: String(resumed.committee) },
    views: [...state.views.values()].map((view) => ({
      epoch: String(view.epoch),
      view: String(view.view),
      block: view.block ?? null,
      notarized: view.notarized,
      nullified: view.nullified,
      finalized: view.finalized,
    })),
  };
}

/** SIGN-6: all that an importer needs is which epochs are closed to it. */
function fromInterchange(text: string): Protection {
  const document = parse(text);
  const epochs = [document.floor.epoch, document.closedEpoch, document.votedEpoch, document.resumed?.epoch ?? 0n];
  for (const view of document.views) epochs.push(view.epoch);
  const state = fresh(document.genesisHash, fromHex(document.publicKey));
  state.epochFloor = Epoch(epochs.reduce((highest, epoch) => (epoch > highest ? epoch : highest), 0n));
  state.votedEpoch = Epoch(document.votedEpoch);
  state.awaitsPeers = true;
  if (document.resumed !== null) {
    const { epoch, block, committee } = document.resumed;
    state.resumed = { epoch: Epoch(epoch), block, committee: CommitteeId(committee) };
  }
  return state;
}

function parse(text: string): z.infer<typeof schema> {
  if (text.length > INTERCHANGE_BYTES_MAX) {
    throw new InterchangeError(`${String(text.length)} characters exceed ${String(INTERCHANGE_BYTES_MAX)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InterchangeError("not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new InterchangeError(z.prettifyError(parsed.error));
  return parsed.data;
}

/**
 * Disables a record for ever and returns its content as JSON text. The signer must not be running. Repeatable: what was
 * lost on the way can be exported again. Throws `ProtectionRecordError`.
 */
export async function exportProtection(fileSystem: FileSystem, directory: string, key: ProtectedKey): Promise<string> {
  const record = await openProtectionRecord(fileSystem, directory, key);
  try {
    await record.change((state) => {
      state.disabled ??= "exported";
    });
    return `${JSON.stringify(toInterchange(record.state), undefined, 2)}\n`;
  } finally {
    await record.close();
  }
}

/**
 * Makes the record of a key from an export, or joins the export to the record that is there; either way it signs only
 * in later epochs, and only once peers have said which one is current. Throws `InterchangeError` and
 * `ProtectionRecordError`.
 */
export async function importProtection(
  fileSystem: FileSystem,
  directory: string,
  key: ProtectedKey,
  text: string,
): Promise<void> {
  const imported = fromInterchange(text);
  if (imported.genesis !== key.genesis) {
    const detail = `the export is of ${imported.genesis}, not ${key.genesis}`;
    throw new ProtectionRecordError("other-genesis", directory, detail);
  }
  if (toHex(imported.publicKey) !== toHex(key.publicKey)) {
    throw new ProtectionRecordError("other-key", directory, "the export is of another key");
  }
  try {
    await createProtectionRecord(fileSystem, directory, imported);
  } catch (error) {
    if (!(error instanceof ProtectionRecordError) || error.fault !== "exists") throw error;
    await join(fileSystem, directory, key, imported);
  }
}

async function join(fileSystem: FileSystem, directory: string, key: ProtectedKey, imported: Protection): Promise<void> {
  const record = await openProtectionRecord(fileSystem, directory, key);
  try {
    await record.change((state) => {
      const known = highestEpoch(state);
      state.epochFloor = known > imported.epochFloor ? known : imported.epochFloor;
      if (imported.votedEpoch > state.votedEpoch) state.votedEpoch = imported.votedEpoch;
      const { resumed } = imported;
      if (resumed !== undefined && resumed.epoch > (state.resumed?.epoch ?? 0n)) state.resumed = resumed;
      state.awaitsPeers = true;
      // What is known of closed epochs limits nothing any more.
      state.views.clear();
      if (state.disabled === "exported") state.disabled = undefined;
    });
  } finally {
    await record.close();
  }
}
