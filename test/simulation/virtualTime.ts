import { setImmediate } from "node:timers/promises";

import type { CancelTimer, Clock } from "../../src/runtime/clock.ts";

interface Planned {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** The one queue of everything that will happen in a simulated world, in virtual time; ties in order of planning. */
export class Scheduler {
  readonly #heap: Planned[] = [];
  #nowMs = 0;
  #sequence = 0;
  #done = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get events(): number {
    return this.#done;
  }

  at(atMs: number, run: () => void): CancelTimer {
    let isCancelled = false;
    this.#push({
      atMs: Math.max(atMs, this.#nowMs),
      sequence: this.#sequence++,
      run: () => {
        if (!isCancelled) run();
      },
    });
    return () => {
      isCancelled = true;
    };
  }

  after(delayMs: number, run: () => void): CancelTimer {
    return this.at(this.#nowMs + Math.max(0, delayMs), run);
  }

  /** Runs until `untilMs`, or until `isDone` says so after some event. Promises settle between events. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    await setImmediate();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      this.#nowMs = next.atMs;
      next.run();
      this.#done += 1;
      await setImmediate();
      if (isDone()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let at = heap.push(planned) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(planned, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = planned;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** What one process of a simulated machine sees of time; it ends with the process. */
export class ProcessClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #originMs: number;
  #skewMs: number;
  #isAlive = true;

  constructor(scheduler: Scheduler, originMs: number, skewMs: number) {
    this.#scheduler = scheduler;
    this.#originMs = originMs;
    this.#skewMs = skewMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs;
  }

  wallMs(): number {
    return this.#originMs + Math.floor(this.#scheduler.nowMs) + this.#skewMs;
  }

  /** The wall clock jumps; timers do not notice. */
  jump(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  setTimer(delayMs: number, callback: () => void): CancelTimer {
    return this.#scheduler.after(Math.max(delayMs, 0.001), () => {
      if (this.#isAlive) callback();
    });
  }

  /** The process is gone: nothing it planned happens any more. */
  end(): void {
    this.#isAlive = false;
  }
}
