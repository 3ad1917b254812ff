import type { Wallet } from "ethers";

import type { AddressBook } from "../../l1/addressBook.ts";
import { confirmationVerifierAt } from "../../l1/contracts.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import type { Client } from "../../sdk/client.ts";
import { SdkError } from "../../sdk/errors.ts";
import type { CheckpointSource, TransactionProofOnL1 } from "../../sdk/l1Proof.ts";
import { StartError } from "./options.ts";
import type { Rollup, UserTransaction } from "./rollup.ts";

/** Proves users' transactions to the contracts on L1. */
export interface L1Prover {
  /** Asks `ConfirmationVerifier` whether a transaction is confirmed; throws with its answer when it is not. */
  check(rollup: Rollup, transaction: UserTransaction): Promise<void>;
  /** The same as an L1 transaction, as a rollup's contract would; its gas. */
  prove(rollup: Rollup, transaction: UserTransaction): Promise<number>;
}

const ATTEMPTS = 20;
const RETRY_MS = 500;

export function createProver(
  client: Client,
  checkpoints: CheckpointSource,
  account: Wallet,
  book: AddressBook,
): L1Prover {
  const verify = confirmationVerifierAt(book.confirmationVerifier, account).getFunction("verifyTransaction");

  /** A relayer may move the newest checkpoint between the making of a proof and its use: then another one is made. */
  async function withProof<T>(
    rollup: Rollup,
    transaction: UserTransaction,
    use: (proof: TransactionProofOnL1) => Promise<T>,
  ): Promise<T> {
    let last: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const confirmation = await client.confirmation(rollup.namespace, transaction.hash);
        if (confirmation === undefined) throw new StartError(`${rollup.name}: ${transaction.hash} is not final`);
        return await use(await client.proveTransaction(confirmation, checkpoints));
      } catch (error) {
        last = error;
        if (error instanceof SdkError || error instanceof StartError) await sleep(systemClock, RETRY_MS);
        else await sleep(systemClock, RETRY_MS / 2);
      }
    }
    const reason = last instanceof Error ? last.message : String(last);
    throw new StartError(`${rollup.name}: ${transaction.hash} could not be proven on L1: ${reason}`);
  }

  return {
    check: (rollup, transaction) =>
      withProof(rollup, transaction, async (proof) => {
        await verify.staticCall(proof.block, proof.namespace, proof.transaction);
      }),
    prove: (rollup, transaction) =>
      withProof(rollup, transaction, async (proof) => {
        const call = await verify.populateTransaction(proof.block, proof.namespace, proof.transaction);
        const receipt = await (await account.sendTransaction(call)).wait();
        if (receipt?.status !== 1) throw new StartError(`the proof transaction ${receipt?.hash ?? ""} failed`);
        return Number(receipt.gasUsed);
      }),
  };
}
