import { InvalidArgumentError, type Command } from "commander";

import { BLOCKS_MAX, VALIDATORS_MAX, VALIDATORS_MIN } from "./start/options.ts";
import { runLocalNetwork } from "./start/run.ts";

interface Options {
  readonly blocks?: number;
  readonly json?: boolean;
  readonly chaos?: boolean;
  readonly validators: number;
  readonly data?: string;
  readonly timeout: number;
}

const TIMEOUT_SECONDS = 600;
const TIMEOUT_SECONDS_MAX = 86_400;

/** `crema start`, which is `npm start`: a whole network on this machine, L1 included. */
export function addStart(program: Command): void {
  program
    .command("start")
    .description("run a whole network on this machine: L1, contracts, validators, relayer and two rollups")
    .option("--blocks <n>", "end when so many blocks are final and on L1", whole(1, BLOCKS_MAX))
    .option("--json", "print a JSON object as the last line, and progress to standard error")
    .option("--chaos", "kill a validator and the relayer in the middle, and start them again (with --blocks)")
    .option("--validators <n>", "validators at the start; one more joins", whole(VALIDATORS_MIN, VALIDATORS_MAX), 4)
    .option("--data <directory>", "keep everything here instead of in a temporary directory")
    .option(
      "--timeout <seconds>",
      "give up after so long (with --blocks)",
      whole(1, TIMEOUT_SECONDS_MAX),
      TIMEOUT_SECONDS,
    )
    .action(async (options: Options) => {
      const outcome = await runLocalNetwork({
        blocks: options.blocks,
        json: options.json === true,
        chaos: options.chaos === true,
        validators: options.validators,
        dataDir: options.data,
        timeoutSeconds: options.timeout,
      });
      if (outcome.failure !== undefined) process.stderr.write(`crema: ${outcome.failure}\n`);
      if (outcome.report !== undefined && options.json === true) {
        process.stdout.write(`${JSON.stringify(outcome.report)}\n`);
      }
      process.exit(outcome.exitCode);
    });
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`expected a whole number from ${String(min)} to ${String(max)}.`);
    }
    return value;
  };
}
