import { FieldError } from "./configTable.ts";

/** Parsers of single settings. Each takes text and gives a value or a `FieldError` that says what is expected. */

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new FieldError(`expected a whole number from ${String(min)} to ${String(max)}`);
    }
    return value;
  };
}

export const port = integer(0, 65_535);

export function text(maxLength = 4_096): (value: string) => string {
  return (value) => {
    if (value === "" || value.length > maxLength) throw new FieldError(`expected 1 to ${String(maxLength)} characters`);
    return value;
  };
}

export function flag(value: string): boolean {
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new FieldError("expected true or false");
}

export function oneOf<const T extends string>(choices: readonly T[]): (value: string) => T {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw new FieldError(`expected one of ${choices.join(", ")}`);
    return choice;
  };
}

export function httpUrls(maxCount: number): (value: string) => readonly string[] {
  return (value) => {
    const urls = value.split(",").map((part) => part.trim());
    if (urls.length > maxCount) throw new FieldError(`expected at most ${String(maxCount)} addresses`);
    for (const url of urls) {
      if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
        throw new FieldError("expected http or https addresses, separated by commas");
      }
    }
    return urls;
  };
}

/** Comma-separated; empty text is the empty list. */
export function list<T>(parse: (part: string) => T, maxCount: number): (value: string) => readonly T[] {
  return (value) => {
    const parts = value.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
    if (parts.length > maxCount) throw new FieldError(`expected at most ${String(maxCount)} entries`);
    return parts.map(parse);
  };
}

/** Empty text is null. */
export function optional<T>(parse: (value: string) => T): (value: string) => T | null {
  return (value) => (value === "" ? null : parse(value));
}
