/** A key that cannot be used, or a keeper that answered with something wrong. Never holds key material. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/** The keeper of the key did not answer, or is not able to sign now. Nothing was signed; the same request may work later. */
export class SignerUnavailableError extends Error {
  override readonly name = "SignerUnavailableError";
}
