/** A token bucket that allows debt: what already arrived is counted in full, then the source waits until it is paid. */
export interface RateLimit {
  readonly bytesPerSecond: number;
  readonly framesPerSecond: number;
}

/** The burst that is free after silence, in seconds of the rate. */
const BURST_SECONDS = 2;

export class RateLimiter {
  #limit: RateLimit;
  #bytes: number;
  #frames: number;
  #updatedMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#bytes = limit.bytesPerSecond * BURST_SECONDS;
    this.#frames = limit.framesPerSecond * BURST_SECONDS;
    this.#updatedMs = nowMs;
  }

  /** Other limits from now on; what was earned or owed under the old ones stays, within the new burst. */
  change(limit: RateLimit, nowMs: number): void {
    this.#earn(nowMs);
    this.#limit = limit;
    this.#bytes = Math.min(this.#bytes, limit.bytesPerSecond * BURST_SECONDS);
    this.#frames = Math.min(this.#frames, limit.framesPerSecond * BURST_SECONDS);
  }

  /** Counts what arrived; returns the milliseconds for which to read no more, 0 for none. */
  spend(bytes: number, frames: number, nowMs: number): number {
    this.#earn(nowMs);
    this.#bytes -= bytes;
    this.#frames -= frames;
    const waitSeconds = Math.max(
      -this.#bytes / this.#limit.bytesPerSecond,
      -this.#frames / this.#limit.framesPerSecond,
    );
    return waitSeconds <= 0 ? 0 : Math.ceil(waitSeconds * 1000);
  }

  /** Takes one frame's worth if it is there, without debt. */
  take(nowMs: number): boolean {
    this.#earn(nowMs);
    if (this.#frames < 1) return false;
    this.#frames--;
    return true;
  }

  #earn(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#updatedMs) / 1000;
    const { bytesPerSecond, framesPerSecond } = this.#limit;
    this.#bytes = Math.min(bytesPerSecond * BURST_SECONDS, this.#bytes + seconds * bytesPerSecond);
    this.#frames = Math.min(framesPerSecond * BURST_SECONDS, this.#frames + seconds * framesPerSecond);
    this.#updatedMs = nowMs;
  }
}
