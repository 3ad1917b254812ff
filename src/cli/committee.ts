import type { Command } from "commander";

import {
  addAccountOptions,
  addL1Options,
  minedWith,
  withAccount,
  withL1,
  type AccountOptions,
  type L1Options,
} from "./account.ts";
import { wholeNumber } from "./options.ts";
import { report, table } from "./report.ts";
import { said, time, value } from "./stake.ts";

/** What anyone may do for the network, and relayers do by themselves: `crema rotate`, `crema settle`; and `crema seats`. */
export function addCommittee(program: Command): void {
  addAccountOptions(program.command("rotate"))
    .description("make the next committee from the seats; anyone may when it is due")
    .action(async (options: AccountOptions) => {
      const done = await withAccount(options, ({ table: stakes }) =>
        minedWith(stakes.rotate(), "StakeTable", "CommitteeCreated"),
      );
      const { description, ...event } = done.event;
      // The description is the committee as code, kilobytes of it: `seats` reads better.
      const more = { descriptionBytes: (String(description).length - 2) / 2 };
      report(
        options,
        said({ ...done, event }, `committee ${value(done, "id")} of stake ${value(done, "stake")}`, more),
      );
    });
  addAccountOptions(program.command("settle"))
    .description("take the final penalty from a slashed validator; anyone may when it is due")
    .requiredOption("--validator <id>", "its number", wholeNumber)
    .action(async (options: AccountOptions & { readonly validator: bigint }) => {
      const done = await withAccount(options, ({ slasher }) =>
        minedWith(slasher.settle(options.validator), "StakeTable", "ValidatorSettled"),
      );
      report(options, said(done, `validator ${String(options.validator)}: ${value(done, "burned")} burned`));
    });
  addL1Options(program.command("seats"))
    .description("who has a seat, and when the next committee can be made")
    .action(seats);
}

async function seats(options: L1Options): Promise<void> {
  const found = await withL1(options, async ({ table: stakes }) => {
    const [parameters, newest, next] = await Promise.all([
      stakes.parameters(),
      stakes.newestCommittee(),
      stakes.nextRotationAt(),
    ]);
    const numbers = Array.from({ length: Number(parameters.seats) }, (_, seat) => seat);
    const all = await Promise.all(numbers.map(async (seat) => ({ seat, ...(await seatOf(stakes.seat(seat))) })));
    return { committee: newest, nextRotationAt: time(next), seats: all.filter(({ validator }) => validator !== 0n) };
  });
  const rows: (readonly [string, string])[] = [
    ["newest committee", String(found.committee)],
    ["next one from", found.nextRotationAt],
    ...found.seats.map(({ seat, validator, stake }): [string, string] => [
      `seat ${String(seat)}`,
      `validator ${String(validator)}, ${String(stake)} units of stake`,
    ]),
  ];
  report(options, { text: table(rows), value: found });
}

async function seatOf(
  asked: Promise<{ readonly id: bigint; readonly stake: bigint }>,
): Promise<{ readonly validator: bigint; readonly stake: bigint }> {
  const { id, stake } = await asked;
  return { validator: id, stake };
}
