/**
 * From a user's transaction to a confirmation that a contract on L1 has verified: docs/integration.md, step by step.
 *
 *   node scripts/confirm.ts <network.json of `npm start`>
 */
import { readFileSync } from "node:fs";

import { JsonRpcProvider, Wallet } from "ethers";

import { confirmationVerifierAt } from "../src/l1/contracts.ts";
import { createClient, l1Committees, lightClientCheckpoints, NotCheckpointedError, toHash } from "../src/sdk/index.ts";

interface NetworkFile {
  readonly l1Url: string;
  readonly nodeUrls: readonly string[];
  readonly epochLength: number;
  readonly chainId: number;
  readonly stakeTable: `0x${string}`;
  readonly lightClient: string;
  readonly confirmationVerifier: string;
  readonly deployedAtBlock: number;
  readonly genesisHash: string;
}

const [path = "network.json"] = process.argv.slice(2);
const network = JSON.parse(readFileSync(path, "utf8")) as NetworkFile;
const { stakeTable, lightClient, deployedAtBlock } = network;

// 1. Submit and wait for finality.
const provider = new JsonRpcProvider(network.l1Url);
const client = await createClient({
  endpoints: network.nodeUrls, // none of them is trusted
  network: {
    genesisHash: toHash(network.genesisHash),
    l1ChainId: BigInt(network.chainId),
    stakeTable,
    epochLength: BigInt(network.epochLength),
  },
  committees: l1Committees({ provider, stakeTable, lightClient }),
});

// The namespace is the chain id of the transaction; raw bytes go with client.submit(namespace, bytes).
const user = new Wallet(Wallet.createRandom().privateKey);
const { namespace, hash } = await client.submitEthereum(user, {
  chainId: 4242n,
  nonce: 0,
  to: Wallet.createRandom().address,
  value: 1n,
  gasLimit: 21_000n,
  maxFeePerGas: 2_000_000_000n,
  maxPriorityFeePerGas: 1_000_000_000n,
});
console.log(`submitted      ${hash} to namespace ${String(namespace)}`);

// Verified here, against the committee that L1 names. A node can withhold, but not lie.
const confirmation = await client.waitForFinality(namespace, hash);
console.log(`final          at height ${String(confirmation.header.height)}`);

// 2. Derive your chain: every block from a height on, with all of your namespace or proof that it has nothing.
for await (const block of client.follow(namespace, { from: confirmation.header.height })) {
  console.log(
    `derived        ${String(block.transactions.length)} transaction of block ${String(block.header.height)}`,
  );
  if (block.header.height >= confirmation.header.height) break;
}

// 3. Verify on L1, once a relayer has posted a checkpoint at or above the block.
const checkpoints = lightClientCheckpoints({ provider, lightClient, deployedAtBlock });
const verifier = confirmationVerifierAt(network.confirmationVerifier, provider);
for (;;) {
  try {
    const proof = await client.proveTransaction(confirmation, checkpoints);
    await verifier.verifyTransaction(proof.block, proof.namespace, proof.transaction);
    break;
  } catch (error) {
    if (!(error instanceof NotCheckpointedError)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
console.log(`verified on L1 by ${network.confirmationVerifier}`);
provider.destroy();
