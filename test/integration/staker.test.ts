import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { FunctionFragment, isCallException, parseEther, Wallet, type ParamType } from "ethers";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";

import { PARAMETERS_FUNCTIONS } from "../../deploy/deployAll.ts";
import { readParameters } from "../../deploy/parameters.ts";
import { createProgram } from "../../src/cli/program.ts";
import { ROOT } from "../../src/cli/start/tools.ts";
import { createMclBls } from "../../src/crypto/blsMcl.ts";
import { contractInterface, developmentTokenAt, stakeTableAt } from "../../src/l1/contracts.ts";
import { signRegistration } from "../../src/node/registration.ts";
import { systemRandom } from "../../src/runtime/random.ts";
import { createValidatorKeys } from "../../src/signer/validatorKeys.ts";
import { nodeFileSystem } from "../../src/storage/nodeFileSystem.ts";
import { startDeployedL1, type DeployedL1 } from "../l1/deployedL1.ts";

const ESCROW_SECONDS = 1_814_400;

let l1: DeployedL1;
let one: bigint;
let two: bigint;
let staker: Wallet;
let operator: Wallet;

function file(name: string, content: string): string {
  const path = join(l1.layout.dataDir, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** One command as a user of `wallet` types it, in this process; what it printed. */
async function crema(wallet: Wallet | undefined, ...args: readonly string[]): Promise<string> {
  const written: string[] = [];
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const account =
    wallet === undefined ? [] : ["--account-key-file", file(`${wallet.address}.key`, `${wallet.privateKey}\n`)];
  const where = ["--address-book", l1.layout.addressBook, "--l1-url", l1.url];
  try {
    await createProgram().parseAsync([...args, ...where, ...account], { from: "user" });
  } finally {
    stdout.mockRestore();
  }
  return written.join("");
}

const values = z.record(z.string(), z.unknown());
async function json(wallet: Wallet | undefined, ...args: readonly string[]): Promise<z.output<typeof values>> {
  return values.parse(JSON.parse(await crema(wallet, ...args, "--json")));
}

/** Time passes on L1. */
async function wait(seconds: number): Promise<void> {
  await l1.client.provider.send("evm_increaseTime", [seconds]);
  await l1.client.provider.send("evm_mine", []);
}

/** A validator whose operator is an account of the test. */
async function register(wallet: Wallet): Promise<{ readonly id: bigint; readonly keyHash: string }> {
  const registration = await registrationOf(wallet, "/ip4/127.0.0.1/tcp/7000");
  return { id: await l1.stakers.register(wallet, registration), keyHash: registration.keyHash };
}

let directories = 0;
async function registrationOf(wallet: Wallet, address: string): Promise<ReturnType<typeof signRegistration>> {
  const bls = await createMclBls();
  directories += 1;
  const keys = await createValidatorKeys({
    ...{ fileSystem: nodeFileSystem, directory: join(l1.layout.dataDir, `staker-${String(directories)}`), bls },
    ...{ genesis: l1.book.genesisHash, random: systemRandom, password: "test", derivation: "pbkdf2" },
  });
  const { chainId: l1ChainId, stakeTable } = l1.book;
  return signRegistration(bls, {
    keys,
    operator: `0x${wallet.address.slice(2).toLowerCase()}`,
    l1ChainId,
    stakeTable,
    address,
  });
}

beforeAll(async () => {
  l1 = await startDeployedL1();
  operator = await l1.stakers.fundedWallet();
  staker = await l1.stakers.fundedWallet();
  one = (await register(operator)).id;
  two = (await register(await l1.stakers.fundedWallet())).id;
  const bank = await l1.client.provider.getSigner(0);
  await (await developmentTokenAt(l1.book.token, bank).mint(staker.address, parseEther("1000"))).wait();
});
afterAll(() => l1.close());
afterEach(() => {
  vi.restoreAllMocks();
});

describe("STAKE-CLI: a staker with nothing but the commands", () => {
  it("delegates, and sees what that is worth", async () => {
    const amount = String(parseEther("100"));
    const done = await json(staker, "stake", "delegate", "--validator", String(one), "--amount", amount);
    expect(done).toMatchObject({ id: String(one), owner: staker.address, amount });
    expect(done["transaction"]).toMatch(/^0x[0-9a-f]{64}$/);
    const shown = await json(undefined, "stake", "show", "--owner", staker.address);
    expect(shown).toMatchObject({ holdings: [{ validator: String(one), amount }], tickets: [], positions: [] });
    expect(await crema(undefined, "stake", "show", "--owner", staker.address)).toContain(`worth ${amount}`);
  });

  it("undelegates, waits, and withdraws", async () => {
    const shares = String(parseEther("10"));
    const undelegate = ["stake", "undelegate", "--validator", String(one)];
    await expect(crema(staker, ...undelegate)).rejects.toThrow("either --shares or --all");
    const { ticket, amount } = await json(staker, ...undelegate, "--shares", shares);
    expect(ticket).toMatch(/^\d+$/);
    const other = Wallet.createRandom().address;
    const second = await json(staker, ...undelegate, "--shares", shares);
    expect(
      await crema(staker, "stake", "transfer-ticket", "--ticket", String(second["ticket"]), "--recipient", other),
    ).toContain(`belongs to ${other.toLowerCase()}`);
    const waiting = await json(undefined, "stake", "show", "--owner", staker.address);
    expect(waiting["tickets"]).toMatchObject([{ ticket, amount, validator: String(one) }]);
    await expect(crema(staker, "stake", "withdraw", "--ticket", String(ticket))).rejects.toThrow(
      new RegExp(`StakeTableTicketLocked\\(ticket: ${String(ticket)}, unlockAt: \\d+\\)`),
    );
    await wait(ESCROW_SECONDS);
    expect(await json(staker, "stake", "withdraw", "--ticket", String(ticket))).toMatchObject({
      paid: amount,
      burned: "0",
    });
    const after = await json(undefined, "stake", "show", "--owner", staker.address);
    expect(after["tickets"]).toEqual([]);
  });

  it("redelegates within the budget and takes the position when its time is over", async () => {
    const shares = String(parseEther("5"));
    const move = ["stake", "redelegate", "--from", String(one), "--to", String(two)];
    await expect(crema(staker, ...move, "--shares", String(parseEther("500")))).rejects.toThrow(
      /StakeTable\w+\(given: /,
    );
    const { position } = await json(staker, ...move, "--shares", shares);
    const held = await json(undefined, "stake", "show", "--owner", staker.address);
    expect(held["positions"]).toMatchObject([{ position, from: String(one), to: String(two) }]);
    await expect(crema(staker, "stake", "release", "--position", String(position))).rejects.toThrow(
      `StakeTablePositionHeld(position: ${String(position)}, until: `,
    );
    await wait(ESCROW_SECONDS);
    expect(await json(staker, "stake", "release", "--position", String(position))).toMatchObject({ position });
    const after = await json(undefined, "stake", "show", "--owner", staker.address);
    expect(after).toMatchObject({ holdings: [{ validator: String(one) }, { validator: String(two) }], positions: [] });
  });

  it("pays a reward, which streams; nothing is redeemed or settled without a slash", async () => {
    const amount = String(parseEther("1"));
    const paid = await json(staker, "stake", "reward", "--validator", String(one), "--amount", amount);
    expect(paid).toMatchObject({ id: String(one), amount, commission: String(parseEther("0.05")) });
    const redeem = ["stake", "redeem", "--validator", String(one)];
    await expect(crema(staker, ...redeem)).rejects.toThrow(/L1 refuses: StakeTable\w+\(/);
    await expect(crema(staker, "settle", "--validator", String(one))).rejects.toThrow("SlasherNotSlashed(id: 1)");
  });
});

describe("OPERATE-CLI: an operator with nothing but the commands", () => {
  const id = (): readonly string[] => ["--validator", String(one)];

  it("seals only the keys that are named", async () => {
    const table = stakeTableAt(l1.book.stakeTable, l1.client.provider);
    const { keyHash } = await table.validator(one);
    const { keyHash: other } = await table.validator(two);
    await expect(crema(operator, "seal", "--key-hash", `0x${"00".repeat(32)}`)).rejects.toThrow("no key 0x00");
    expect(await json(operator, "seal", "--key-hash", keyHash)).toEqual({ sealed: 1 });
    expect(await json(operator, "seal", "--key-hash", keyHash)).toEqual({ sealed: 0 });
    expect([(await table.keyOf(keyHash)).page, (await table.keyOf(other)).page]).toEqual([1n, 0n]);
  });

  it("changes commission, address and description, and sees it", async () => {
    expect(await crema(operator, "validator", "set-commission", ...id(), "--commission", "300")).toContain(
      "300 basis points",
    );
    await expect(crema(operator, "validator", "set-commission", ...id(), "--commission", "900")).rejects.toThrow(
      "StakeTableCommissionTooHigh(given: 900, limit: 800)",
    );
    const moved = file("moved.json", JSON.stringify(await registrationOf(operator, "/dns4/new.example/tcp/7000")));
    expect(await json(operator, "validator", "set-network", ...id(), "--registration", moved)).toMatchObject({
      id: "1",
    });
    await crema(operator, "validator", "set-metadata", ...id(), "--metadata", "https://v.example");
    await expect(crema(staker, "validator", "set-metadata", ...id(), "--metadata", "x")).rejects.toThrow(
      `StakeTableNotOperator(given: ${staker.address}, required: ${operator.address})`,
    );
    const shown = await json(undefined, "validator", "show", ...id());
    expect(shown).toMatchObject({ operator: operator.address, commission: "300", keySealed: true, seat: null });
    expect(await crema(undefined, "validator", "show", ...id())).toContain(operator.address);
  });

  it("rotates its key: proven, sealed, in use", async () => {
    const next = await registrationOf(operator, "/ip4/127.0.0.1/tcp/7000");
    const path = file("next.json", JSON.stringify(next));
    await expect(crema(staker, "validator", "prove-key", ...id(), "--registration", path)).rejects.toThrow("proven to");
    await crema(operator, "validator", "prove-key", ...id(), "--registration", path);
    const rotate = ["validator", "rotate-key", ...id(), "--key-hash", next.keyHash];
    await expect(crema(operator, ...rotate)).rejects.toThrow("StakeTableKeyNotSealed(keyHash: 0x");
    await crema(operator, "seal", "--key-hash", next.keyHash);
    await crema(operator, "seat", "take", ...id());
    expect(await crema(operator, ...rotate)).toContain("from the next committee on");
    expect(await json(undefined, "validator", "show", ...id())).toMatchObject({ seat: "0", nextKeyHash: next.keyHash });
    expect(await json(undefined, "seats")).toMatchObject({ seats: [{ seat: 0, validator: "1" }] });
  });

  it("a committee is refused with too few seats, by name and values", async () => {
    await expect(crema(operator, "rotate")).rejects.toThrow(
      /L1 refuses: StakeTableSeatsTooFew\(given: 1, required: 4\)/,
    );
  });

  it("a committee is made when there are enough", async () => {
    for (const port of [7001, 7002, 7003]) await l1.validator(port);
    expect(await json(staker, "rotate")).toMatchObject({ id: "1" });
    expect(await json(undefined, "validator", "show", ...id())).toMatchObject({ nextKeyHash: null });
  });

  it("exits, and its own stake can be undelegated", async () => {
    await crema(operator, "validator", "exit", ...id());
    await expect(crema(operator, "validator", "exit", ...id())).rejects.toThrow(
      "StakeTableValidatorHasExited(id: 1, exitedAt: ",
    );
    expect(await json(operator, "stake", "undelegate", ...id(), "--all")).toHaveProperty("ticket");
  });

  it("an account without ether is told so", async () => {
    const poor = new Wallet(Wallet.createRandom().privateKey);
    await expect(crema(poor, "stake", "reward", ...id(), "--amount", "0")).rejects.toThrow(
      /too little ether|L1 refuses/,
    );
  });
});

describe("GOV-1: docs/governance.md says who may call what", () => {
  const document = readFileSync(join(ROOT, "docs/governance.md"), "utf8");
  const rows = [...document.matchAll(/^\| (\w+) \| `(\w+)` \| ([^|]+) \|/gm)].map(
    ([, contract = "", name = "", who = ""]) => ({ contract, name, who: who.trim() }),
  );
  const NAMES = ["StakeTable", "LightClient", "Slasher", "ConfirmationVerifier"] as const;
  /** What a caller without the right gets. */
  const REFUSALS: Readonly<Record<string, string>> = {
    operator: "StakeTableNotOperator",
    "slasher contract": "StakeTableNotSlasher",
    "parameter role": "AccessManagedUnauthorized",
    "guardian role": "AccessManagedUnauthorized",
    "access manager": "AccessManagedUnauthorized",
  };

  it("names every function that changes state, once", () => {
    const built = NAMES.flatMap((contract) =>
      contractInterface(contract).fragments.flatMap((fragment) =>
        fragment.type === "function" && FunctionFragment.isFragment(fragment) && !fragment.constant
          ? [`${contract}.${fragment.name}`]
          : [],
      ),
    );
    expect(rows.map(({ contract, name }) => `${contract}.${name}`).toSorted()).toEqual(built.toSorted());
  });

  it("the restricted functions are those of the source, and the roles those of the deployment", () => {
    const source = readFileSync(join(ROOT, "contracts/StakeTable.sol"), "utf8");
    const restricted = [...source.matchAll(/function (\w+)\([^)]*\)[^{;]*\brestricted\b/g)].map(([, name]) => name);
    const inDocument = rows.filter(({ who }) => / role$/.test(who)).map(({ name }) => name);
    expect(inDocument.toSorted()).toEqual(restricted.toSorted());
    for (const { name, who } of rows.filter((row) => / role$/.test(row.who))) {
      expect(who).toBe(`${(PARAMETERS_FUNCTIONS as readonly string[]).includes(name) ? "parameter" : "guardian"} role`);
    }
  });

  it("a stranger is refused what he may not call, and nothing else for who he is", async () => {
    const stranger = await l1.stakers.fundedWallet();
    for (const { contract, name, who } of rows) {
      const abi = contractInterface(contract as (typeof NAMES)[number]);
      const target = { StakeTable: l1.book.stakeTable, LightClient: l1.book.lightClient }[contract] ?? l1.book.slasher;
      const fragment = abi.getFunction(name);
      const data = abi.encodeFunctionData(
        name,
        (fragment?.inputs ?? []).map((input) => valueOf(input)),
      );
      const failed = await stranger.call({ to: target, data }).then(
        () => "nothing",
        (error: unknown) => refusalOf(error),
      );
      const expected = REFUSALS[who];
      if (expected === undefined) expect(Object.values(REFUSALS), name).not.toContain(failed);
      else expect([name, failed]).toEqual([name, expected]);
    }
  });

  it("the delays are those of deploy/parameters", async () => {
    const delays = [...document.matchAll(/^\| (local|sepolia|mainnet) \| (\d+) \| (\d+) \| (\d+) \| 0 \|$/gm)];
    expect(delays.length).toBe(3);
    for (const [, network = "", admin, parameters, escrow] of delays) {
      const found = await readParameters(join(ROOT, `deploy/parameters/${network}.json5`));
      const { adminDelay, parametersDelay } = found.governance;
      expect([network, String(adminDelay), String(parametersDelay), String(found.stakeTable.escrow)]).toEqual([
        ...[network, admin, parameters, escrow],
      ]);
    }
  });

  /** Some value of a type: validator 2 where a number is asked for. */
  function valueOf(input: ParamType): unknown {
    if (input.isArray()) {
      // Negative: of any length.
      return Array.from({ length: Math.max(0, input.arrayLength) }, () => valueOf(input.arrayChildren));
    }
    if (input.isTuple()) return input.components.map(valueOf);
    if (input.type === "address") return operator.address;
    if (input.type === "string") return "";
    if (input.type === "bytes") return "0x";
    if (input.type.startsWith("bytes")) return `0x${"00".repeat(Number(input.type.slice(5)))}`;
    return input.type === "bool" ? false : input.name === "parameter" ? 0 : two;
  }

  function refusalOf(error: unknown): string {
    if (!isCallException(error) || error.data === null) return String(error);
    const known = NAMES.map((name) => contractInterface(name).parseError(error.data ?? "0x"));
    return known.find((each) => each !== null)?.name ?? error.data;
  }
});
