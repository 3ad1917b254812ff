import { expectPresent } from "../../src/runtime/assert.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { RelayerConfig } from "../config.ts";
import type { Signer } from "../tx/signer.ts";
import { readSecretFile, signerFromKey, signerFromKeystore } from "./localSigner.ts";
import { web3Signer } from "./web3Signer.ts";

/** Longest wait for a keeper's answer: below the time after which a transaction is replaced. */
const SIGN_TIMEOUT_MS = 10_000;
const SIGN_ATTEMPTS = 3;

/** The one key that the configuration names. */
export async function openSigner(config: RelayerConfig, clock: Clock): Promise<Signer> {
  if (config.key !== null) return signerFromKey(config.key, "CREMA_RELAYER_KEY");
  if (config.keyFile !== null) return signerFromKey(readSecretFile(config.keyFile), config.keyFile);
  if (config.keystore !== null) {
    return signerFromKeystore(config.keystore, expectPresent(config.keystorePasswordFile, "keystorePasswordFile"));
  }
  const bounds = { timeoutMs: SIGN_TIMEOUT_MS, attempts: SIGN_ATTEMPTS };
  if (config.kmsKeyId !== null) {
    // The SDK is large: who keeps the key elsewhere does not load it.
    const { kmsSigner } = await import("./kmsSigner.ts");
    return kmsSigner({
      ...bounds,
      keyId: config.kmsKeyId,
      region: config.kmsRegion ?? undefined,
      endpoint: config.kmsEndpoint?.[0],
      account: config.signerAddress ?? undefined,
    });
  }
  const [url] = expectPresent(config.web3signerUrl, "web3signerUrl");
  const account = expectPresent(config.signerAddress, "signerAddress");
  return web3Signer({ ...bounds, url: expectPresent(url, "web3signerUrl"), account, clock });
}
