import type { Command } from "commander";

import { ConfigError } from "../config/configTable.ts";
import { waitingKeys } from "../l1/waitingKeys.ts";
import { addAccountOptions, minedWith, withAccount, type Account, type AccountOptions, type Done } from "./account.ts";
import { keyHashText, wholeNumber } from "./options.ts";
import { report } from "./report.ts";
import { sealKeys } from "./sealKeys.ts";
import { said } from "./stake.ts";

interface SealOptions extends AccountOptions {
  readonly keyHash?: readonly string[];
}

interface SeatOptions extends AccountOptions {
  readonly validator: bigint;
}

/** `crema seal`: what a registered key needs before it can take a seat. Relayers do it, too. */
export function addSeal(program: Command): void {
  addAccountOptions(program.command("seal"))
    .description("write registered keys that wait to key pages on L1; any account may, and pays for what it seals")
    .option("--key-hash <hash...>", "only these keys (crema register sign); default all that wait")
    .action(async (options: SealOptions) => {
      const wanted = options.keyHash?.map(keyHashText);
      const sealed = await withAccount(options, ({ client, book, table }) =>
        sealWanted({ client, book, table }, wanted),
      );
      report(options, { text: sealed === 0 ? "no key waits" : `${String(sealed)} sealed`, value: { sealed } });
    });
}

/** Seals all keys that wait, or those of them that are wanted. A key that nobody registered is a mistake. */
async function sealWanted(
  { client, book, table }: Pick<Account, "client" | "book" | "table">,
  wanted: readonly string[] | undefined,
): Promise<number> {
  const waiting = await waitingKeys(client, book);
  if (wanted === undefined) return sealKeys(table, waiting);
  for (const keyHash of wanted) {
    if ((await table.keyOf(keyHash)).id === 0n) throw new ConfigError([`no key ${keyHash} is registered`]);
  }
  return sealKeys(
    table,
    waiting.filter(({ keyHash }) => wanted.includes(keyHash)),
  );
}

/** `crema seat`: joins the next committee, or leaves it. By the account that registered the validator. */
export function addSeat(program: Command): void {
  const seat = program.command("seat").description("take or leave a seat: the next committee is made from the seats");
  seatCommand(seat.command("take").description("take a free seat, or the one with the least stake"), {
    send: (account, id) => minedWith(account.table.takeSeat(id), "StakeTable", "SeatTaken"),
    sentence: (id) => `validator ${id} has a seat; it votes from the next committee on`,
  });
  const leaving = "give the seat up; keep the node running until a committee without it is in office";
  seatCommand(seat.command("leave").description(leaving), {
    send: (account, id) => minedWith(account.table.leaveSeat(id), "StakeTable", "SeatVacated"),
    sentence: (id) => `validator ${id} left its seat`,
  });
}

interface SeatAct {
  readonly send: (account: Account, id: bigint) => Promise<Done>;
  readonly sentence: (id: string) => string;
}

function seatCommand(command: Command, { send, sentence }: SeatAct): void {
  addAccountOptions(command)
    .requiredOption("--validator <id>", "its number (crema register send)", wholeNumber)
    .action(async (options: SeatOptions) => {
      const done = await withAccount(options, (account) => send(account, options.validator));
      report(options, said(done, sentence(String(options.validator))));
    });
}
