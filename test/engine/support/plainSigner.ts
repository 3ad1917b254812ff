import type { Bls } from "../../../src/crypto/bls.ts";
import type { EnginePorts } from "../../../src/engine/ports.ts";
import type { Domain } from "../../../src/protocol/Domain.ts";
import * as Vote from "../../../src/protocol/Vote.ts";

/** Signs votes without a record: for tests of everything but the signer. */
export function plainSigner(bls: Bls, secretKey: Uint8Array, domain: Domain): NonNullable<EnginePorts["signer"]> {
  return {
    publicKey: bls.publicKey(secretKey),
    resumed: () => undefined,
    sign: (message) => {
      if (message.kind === "resume") return Promise.reject(new Error("only votes are signed here"));
      return Promise.resolve({ ok: true, signature: bls.sign(secretKey, Vote.digest(message, domain), "vote") });
    },
    confirmEpoch: () => Promise.resolve(),
    observe: () => Promise.resolve(true),
  };
}
