import type { Metrics } from "../metrics.ts";
import type { Signer } from "../tx/signer.ts";
import { SignerUnavailableError } from "./keyErrors.ts";

/** A signer whose failures are counted. */
export function measuredSigner(signer: Signer, metrics: Pick<Metrics, "signerFailed">): Signer {
  return {
    address: signer.address,
    sign: async (unsigned) => {
      try {
        return await signer.sign(unsigned);
      } catch (error) {
        metrics.signerFailed(error instanceof SignerUnavailableError ? "unavailable" : "refused");
        throw error;
      }
    },
  };
}
