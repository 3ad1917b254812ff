import type { Bls } from "../../../src/crypto/bls.ts";
import type { EnginePorts } from "../../../src/engine/ports.ts";
import type { Domain } from "../../../src/protocol/Domain.ts";
import type * as Evidence from "../../../src/protocol/Evidence.ts";
import * as Resume from "../../../src/protocol/Resume.ts";
import * as Vote from "../../../src/protocol/Vote.ts";

/** Signs without a record: for tests of everything but the signer. */
export function plainSigner(
  bls: Bls,
  secretKey: Uint8Array,
  domain: Domain,
  onObserved: (message: Evidence.Message) => void = () => undefined,
): NonNullable<EnginePorts["signer"]> {
  return {
    publicKey: bls.publicKey(secretKey),
    resumed: () => undefined,
    sign: (message) => {
      const digest = message.kind === "resume" ? Resume.digest(message, domain) : Vote.digest(message, domain);
      return Promise.resolve({ ok: true, signature: bls.sign(secretKey, digest, "vote") });
    },
    confirmEpoch: () => Promise.resolve(),
    observe: (message) => {
      onObserved(message);
      return Promise.resolve(true);
    },
  };
}
