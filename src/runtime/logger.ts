import { pino, stdTimeFunctions } from "pino";

/** Values that may stand in a log line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging. Secrets never go into fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry `fields`. */
  child(fields: LogFields): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

type PinoLine = (fields: object, message: string) => void;
interface PinoLike {
  debug: PinoLine;
  info: PinoLine;
  warn: PinoLine;
  error: PinoLine;
  child(fields: object): PinoLike;
}

function fromPino(target: PinoLike): Logger {
  return {
    debug: (message, fields = {}) => {
      target.debug(jsonSafe(fields), message);
    },
    info: (message, fields = {}) => {
      target.info(jsonSafe(fields), message);
    },
    warn: (message, fields = {}) => {
      target.warn(jsonSafe(fields), message);
    },
    error: (message, fields = {}) => {
      target.error(jsonSafe(fields), message);
    },
    child: (fields) => fromPino(target.child(jsonSafe(fields))),
  };
}

/** JSON lines on standard output (or file descriptor `destination`), newest pino conventions, ISO time. */
export function jsonLogger(level: LogLevel, fields: LogFields = {}, destination = 1): Logger {
  const options = { level, base: jsonSafe(fields), timestamp: stdTimeFunctions.isoTime };
  return fromPino(pino(options, pino.destination({ dest: destination, sync: true })));
}

function jsonSafe(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "bigint" ? value.toString() : value instanceof Error ? describeError(value) : value,
    ]),
  );
}

function describeError(error: Error): object {
  return { name: error.name, message: error.message, stack: error.stack };
}
