/** A source of random bytes. */
export interface Random {
  /** `length` fresh bytes. */
  bytes(length: number): Uint8Array;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Web Crypto fills no more at once. */
const WEB_CRYPTO_BYTES_MAX = 65_536;

/** The machine's cryptographic generator (Web Crypto). */
export const systemRandom: Random = {
  bytes: (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += WEB_CRYPTO_BYTES_MAX) {
      globalThis.crypto.getRandomValues(out.subarray(at, at + WEB_CRYPTO_BYTES_MAX));
    }
    return out;
  },
  fraction: () => {
    const [word = 0] = globalThis.crypto.getRandomValues(new Uint32Array(1));
    return word / 2 ** 32;
  },
};

/**
 * A reproducible generator for simulation: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). Not for secrets.
 */
export function seededRandom(seed: bigint): Random {
  const MASK = (1n << 64n) - 1n;
  let state = seed & MASK;
  function next(): bigint {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let word = state;
    word = ((word ^ (word >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    word = ((word ^ (word >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return word ^ (word >> 31n);
  }
  return {
    bytes: (length) => {
      const out = new Uint8Array(length);
      for (let offset = 0; offset < length; offset += 8) {
        let word = next();
        for (let i = offset; i < Math.min(offset + 8, length); i++) {
          out[i] = Number(word & 0xffn);
          word >>= 8n;
        }
      }
      return out;
    },
    fraction: () => Number(next() >> 11n) / 2 ** 53,
  };
}
