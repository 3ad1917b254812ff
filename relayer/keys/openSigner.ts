import { expectPresent } from "../../src/runtime/assert.ts";
import type { RelayerConfig } from "../config.ts";
import type { Signer } from "../tx/signer.ts";
import { readSecretFile, signerFromKey, signerFromKeystore } from "./localSigner.ts";
import { web3Signer } from "./web3Signer.ts";

const SIGN_TIMEOUT_MS = 10_000;

/** The one key that the configuration names. */
export async function openSigner(config: RelayerConfig): Promise<Signer> {
  if (config.key !== null) return signerFromKey(config.key, "CREMA_RELAYER_KEY");
  if (config.keyFile !== null) return signerFromKey(readSecretFile(config.keyFile), config.keyFile);
  if (config.keystore !== null) {
    return signerFromKeystore(config.keystore, expectPresent(config.keystorePasswordFile, "keystorePasswordFile"));
  }
  const [url] = expectPresent(config.web3signerUrl, "web3signerUrl");
  return web3Signer(
    expectPresent(url, "web3signerUrl"),
    expectPresent(config.signerAddress, "signerAddress"),
    SIGN_TIMEOUT_MS,
  );
}
