import { systemClock } from "../../runtime/clock.ts";

/** Live progress for people: one line an event, with the time since the start. */
export interface Progress {
  /** A stage of bringing the network up. */
  step(text: string): void;
  /** Something that happened on the network; `topic` is a short word for the left column. */
  event(topic: string, text: string): void;
  note(text: string): void;
}

const TOPIC_WIDTH = 11;

/** Writes to standard output, or to standard error when standard output is kept for the JSON line. */
export function createProgress(toStandardError: boolean): Progress {
  const stream = toStandardError ? process.stderr : process.stdout;
  const startedAt = systemClock.monotonicMs();
  const write = (topic: string, text: string): void => {
    const seconds = ((systemClock.monotonicMs() - startedAt) / 1000).toFixed(1).padStart(6);
    stream.write(`${seconds} s  ${topic.padEnd(TOPIC_WIDTH)} ${text}\n`);
  };
  return {
    step: (text) => {
      write("start", text);
    },
    event: write,
    note: (text) => {
      stream.write(`${text}\n`);
    },
  };
}
