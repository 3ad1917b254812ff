import type { Bls } from "../crypto/bls.ts";
import type { Hash } from "../crypto/hash.ts";
import type { Domain } from "../protocol/Domain.ts";
import type * as Evidence from "../protocol/Evidence.ts";
import * as Resume from "../protocol/Resume.ts";
import * as Vote from "../protocol/Vote.ts";
import type { FileSystem } from "../storage/fileSystem.ts";
import { openProtectionRecord, type ProtectionRecord } from "./protectionRecord.ts";
import type { Signer } from "./signer.ts";
import { highestEpoch, mayHaveSigned, refusal } from "./slashingProtection.ts";

export interface LocalSignerOptions {
  readonly fileSystem: FileSystem;
  /** Directory of the slashing-protection record. */
  readonly directory: string;
  /** 32 bytes. */
  readonly secretKey: Uint8Array;
  /** Where the signatures count; the salt is the genesis hash. */
  readonly domain: Domain & { readonly salt: Hash };
  readonly bls: Pick<Bls, "publicKey" | "sign">;
}

export interface LocalSigner extends Signer {
  /** Whether the key voted in an epoch that is not closed to it: then a journal of those votes has to exist. */
  hasOpenVotes(): boolean;
}

/**
 * Opens a signer whose key is in memory. SIGN-9: without the record of exactly this key and chain it does not start;
 * throws `ProtectionRecordError`.
 */
export async function openLocalSigner(options: LocalSignerOptions): Promise<LocalSigner> {
  const publicKey = options.bls.publicKey(options.secretKey);
  const { fileSystem, directory, domain } = options;
  const record = await openProtectionRecord(fileSystem, directory, { genesis: domain.salt, publicKey });
  const { state } = record;
  return { publicKey, ...operations(record, options), hasOpenVotes: () => state.votedEpoch > state.epochFloor };
}

function operations(record: ProtectionRecord, options: LocalSignerOptions): Omit<Signer, "publicKey"> {
  const { state } = record;
  function digest(message: Evidence.Message): Uint8Array {
    return message.kind === "resume" ? Resume.digest(message, options.domain) : Vote.digest(message, options.domain);
  }
  return {
    sign: async (message) => {
      const refused = refusal(state, message);
      if (refused !== undefined) return { ok: false, refusal: refused };
      // SIGN-1: noted before anything else can run, durable before the signature exists. An identical message is only
      // waited for: its first note may still be on the way to the disk.
      if (mayHaveSigned(state, message)) await record.sync();
      else await record.add(message);
      return { ok: true, signature: options.bls.sign(options.secretKey, digest(message), "vote") };
    },
    resumed: () => state.resumed,
    confirmEpoch: async (epoch) => {
      if (!state.awaitsPeers) return;
      await record.change((changed) => {
        const known = highestEpoch(changed);
        changed.epochFloor = epoch > known ? epoch : known;
        changed.awaitsPeers = false;
      });
    },
    observe: async (message) => {
      if (mayHaveSigned(state, message)) return true;
      await record.change((changed) => {
        changed.disabled ??= "foreign-signature";
      });
      return false;
    },
    close: () => record.close(),
  };
}
