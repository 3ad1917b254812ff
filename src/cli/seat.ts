import type { Command } from "commander";

import { waitingKeys } from "../l1/waitingKeys.ts";
import { addAccountOptions, mined, withAccount, type AccountOptions } from "./account.ts";
import { wholeNumber } from "./options.ts";
import { sealKeys } from "./sealKeys.ts";
import { print } from "./terminal.ts";

interface SeatOptions extends AccountOptions {
  readonly validator: bigint;
}

/** `crema seal`: what a registered key needs before it can take a seat. Relayers do it, too. */
export function addSeal(program: Command): void {
  addAccountOptions(program.command("seal"))
    .description("write all registered keys that wait to key pages on L1; any account may")
    .action((options: AccountOptions) =>
      withAccount(options, async ({ client, book, table }) => {
        const sealed = await sealKeys(table, await waitingKeys(client, book));
        print(sealed === 0 ? "no key waits" : `${String(sealed)} sealed`);
      }),
    );
}

/** `crema seat`: joins the next committee, or leaves it. By the account that registered the validator. */
export function addSeat(program: Command): void {
  const seat = program.command("seat").description("take or leave a seat: the next committee is made from the seats");
  seatOptions(seat.command("take"))
    .description("take a free seat, or the one with the least stake")
    .action((options: SeatOptions) =>
      withAccount(options, async ({ table }) => {
        const { hash } = await mined(table.takeSeat(options.validator));
        print(`validator ${String(options.validator)} has a seat (${hash}); it votes from the next committee on`);
      }),
    );
  seatOptions(seat.command("leave"))
    .description("give the seat up; keep the node running until a committee without it is in office")
    .action((options: SeatOptions) =>
      withAccount(options, async ({ table }) => {
        const { hash } = await mined(table.leaveSeat(options.validator));
        print(`validator ${String(options.validator)} left its seat (${hash})`);
      }),
    );
}

function seatOptions(command: Command): Command {
  return addAccountOptions(command).requiredOption("--validator <id>", "its number (crema register send)", wholeNumber);
}
