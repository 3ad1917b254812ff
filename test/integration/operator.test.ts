import { spawn } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parseEther, Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ROOT } from "../../src/cli/start/tools.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { developmentTokenAt, stakeTableAt, type StakeTable } from "../../src/l1/contracts.ts";
import { parseRegistrationFile, signRegistration } from "../../src/node/registration.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { createValidatorKeys } from "../../src/signer/validatorKeys.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { startDeployedL1, type DeployedL1 } from "../l1/deployedL1.ts";

const STAKE = parseEther("1000");

let l1: DeployedL1;
let table: StakeTable;
let operator: Wallet;

beforeAll(async () => {
  l1 = await startDeployedL1();
  table = stakeTableAt(l1.book.stakeTable, l1.client.provider);
  operator = await l1.stakers.fundedWallet();
  const bank = await l1.client.provider.getSigner(0);
  await (await developmentTokenAt(l1.book.token, bank).mint(operator.address, STAKE)).wait();
});

afterAll(async () => {
  await l1.close();
});

/** A command's exit code and all that it wrote. */
async function crema(...args: readonly string[]): Promise<readonly [number | null, string]> {
  const child = spawn(process.execPath, [join(ROOT, "src", "cli", "main.ts"), ...args], { cwd: ROOT });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return [await new Promise<number | null>((resolve) => child.once("close", resolve)), output];
}

function file(name: string, content?: string): string {
  const path = join(l1.layout.dataDir, name);
  if (content !== undefined) writeFileSync(path, `${content}\n`, { mode: 0o600 });
  return path;
}

const succeeded = (text: string): unknown => [0, expect.stringContaining(text)];
const refused = (code: number, text: string): unknown => [code, expect.stringContaining(text)];

/** Registers a validator whose key then waits; its key's hash. */
async function waitingValidator(): Promise<string> {
  const bls = await createMclBls();
  const keys = await createValidatorKeys({
    ...{ fileSystem: nodeFileSystem, directory: file("other-keys"), genesis: l1.book.genesisHash, bls },
    ...{ random: systemRandom, password: "other", derivation: "pbkdf2" },
  });
  const wallet = await l1.stakers.fundedWallet();
  const registration = signRegistration(bls, {
    keys,
    operator: `0x${wallet.address.slice(2).toLowerCase()}`,
    l1ChainId: l1.book.chainId,
    stakeTable: l1.book.stakeTable,
    address: "/ip4/127.0.0.1/tcp/7000",
  });
  await l1.stakers.register(wallet, registration);
  return registration.keyHash;
}

describe("an operator with nothing but the commands", () => {
  it("JOIN-1, JOIN-2, JOIN-3: gets from new keys to a seat and gives it up again", async () => {
    const keys = ["--key-dir", file("keys"), "--key-password-file", file("password", "correct horse")];
    const book = ["--address-book", l1.layout.addressBook];
    const accountKey = file("account.key", operator.privateKey);
    const account = [...book, "--l1-url", l1.url, "--account-key-file", accountKey];
    const stranger = file("stranger.key", Wallet.createRandom().privateKey);
    const strange = [...book, "--l1-url", l1.url, "--account-key-file", stranger];
    const registration = file("registration.json");

    expect(await crema("keygen", ...keys, "--cluster-file", l1.layout.clusterFile)).toEqual(succeeded("consensus key"));
    const where = ["--operator", operator.address, "--address", "/dns4/v.example/tcp/7000"];
    expect(await crema("register", "sign", ...keys, ...book, ...where, "--out", registration)).toEqual(
      succeeded(registration),
    );

    const send = ["register", "send", "--registration", registration, "--self-stake", String(STAKE)];
    expect(await crema(...send, ...strange)).toEqual(refused(2, "the registration is for"));
    chmodSync(accountKey, 0o644);
    expect(await crema(...send, ...account)).toEqual(refused(2, "chmod 600"));
    chmodSync(accountKey, 0o600);
    expect(await table.validatorCount()).toBe(0n);
    expect(await crema(...send, ...account)).toEqual(succeeded("validator 1 registered"));
    expect(await crema(...send, ...account)).toEqual(refused(1, "StakeTableKeyKnown(keyHash: 0x"));

    const seat = ["--validator", "1", ...account];
    const other = await waitingValidator();
    expect(await crema("seal", ...account)).toEqual(succeeded("2 sealed"));
    const own = parseRegistrationFile(readFileSync(registration, "utf8"), registration).keyHash;
    for (const keyHash of [own, other]) expect((await table.keyOf(keyHash)).page).toBe(1n);
    // An account without ether: nothing can have been sent.
    expect(await crema("seal", ...strange)).toEqual(succeeded("no key waits"));

    expect(await crema("seat", "leave", ...seat)).toEqual(refused(1, "StakeTableSeatNotHeld(id: 1)"));
    expect(await crema("seat", "take", ...seat)).toEqual(succeeded("validator 1 has a seat"));
    expect(await crema("seat", "take", ...seat)).toEqual(refused(1, "StakeTableSeatHeld(id: 1, seat: 0)"));
    expect(await crema("seat", "leave", ...seat)).toEqual(succeeded("validator 1 left its seat"));
    expect(await crema("seat", "take", "--validator", "one", ...account)).toEqual(refused(1, "whole number"));
  });
});
