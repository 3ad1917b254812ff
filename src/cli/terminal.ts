/** A line of a command's result. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line about what went wrong. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
