import { join, relative } from "node:path";
import { performance } from "node:perf_hooks";

import { Interface } from "ethers";
import hre, { network } from "hardhat";
import Mocha from "mocha";

import { TESTS } from "./testFiles.ts";

/**
 * Runs the contract tests in one process as often as asked, each time on fresh chains. It loads the test files once; what
 * differs between runs is the chains' beneficiary, which chooses a mutant, and which tests run.
 */

export type Connection = Awaited<ReturnType<typeof network.create>>;

/** What was reached, and how long it took, of one test. */
export interface TestRecord {
  /** Below the folder of the contract tests. */
  readonly file: string;
  readonly title: string;
  readonly milliseconds: number;
  readonly passed: boolean;
  readonly hits: readonly number[];
}

export interface RunResult {
  /** Full title of the first test that failed. */
  readonly failed: string | undefined;
  readonly message: string;
}

type Suite = Mocha.Suite;

interface Chain {
  readonly connection: Connection;
  /** Names the state after the first block, of a chain that outlives a run. */
  first: string | undefined;
}

/** Without sources at hand the network cannot name a custom error, but tests read names. */
function nameErrors({ provider }: Connection, names: ReadonlyMap<string, string>): void {
  const request = provider.request.bind(provider);
  Object.assign(provider, {
    request: async (...given: Parameters<typeof request>) => {
      try {
        return (await request(...given)) as unknown;
      } catch (error) {
        if (error instanceof Error) {
          error.message = error.message.replace(
            /an unrecognized custom error \(return data: (0x[0-9a-f]{8})[0-9a-f]*\)/,
            (all, selector: string) => (names.has(selector) ? `custom error '${names.get(selector) ?? ""}()'` : all),
          );
        }
        throw error;
      }
    },
  });
}

async function errorNames(): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const name of await hre.artifacts.getAllFullyQualifiedNames()) {
    const { abi } = await hre.artifacts.readArtifact(name);
    new Interface(abi).forEachError(({ selector, name: error }) => names.set(selector, error));
  }
  return names;
}

async function snapshot({ provider }: Connection): Promise<string> {
  return String(await provider.request({ method: "evm_snapshot", params: [] }));
}

/** Prints nothing. */
class Silent {
  done(failures: number, finish: (failures: number) => void): void {
    finish(failures);
  }
}

export class TestProcess {
  readonly #mocha: Mocha;
  readonly #chains = new Set<Chain>();
  readonly #allTests = new Map<Suite, readonly Mocha.Test[]>();
  #beneficiary: string | undefined;
  #errorNames: ReadonlyMap<string, string> = new Map();
  #loaded = false;
  /** Where hits go now. */
  #reached = new Set<number>();
  readonly #fixtures = new Map<unknown, Set<number>>();

  constructor() {
    this.#mocha = new Mocha({ bail: true, timeout: 120_000, reporter: Silent as unknown as string });
    this.#mocha.cleanReferencesAfterRun(false);
  }

  /** Loads tests. `isRecording` makes the network tell which probes were reached. */
  async load(isRecording: boolean, files: readonly string[]): Promise<void> {
    if (isRecording) {
      hre.hooks.registerHandlers("network", {
        onCoverageData: async (_context, tags) => {
          for (const tag of tags) this.#reached.add(Number.parseInt(tag, 16));
          return Promise.resolve();
        },
      });
    }
    this.#errorNames = await errorNames();
    const create = network.create.bind(network);
    Object.assign(network, {
      create: async (...given: Parameters<typeof create>) => this.#adopt(await create(...given)),
    });
    for (const file of files) this.#mocha.addFile(join(TESTS, file));
    await this.#mocha.loadFilesAsync();
    this.#loaded = true;
    const keep = (suite: Suite): void => {
      this.#allTests.set(suite, suite.tests);
      suite.suites.forEach(keep);
    };
    keep(this.#mocha.suite);
  }

  async #adopt(connection: Connection): Promise<Connection> {
    // A test file may keep what it made while it was loaded; the rest is made anew by every run.
    this.#chains.add({ connection, first: this.#loaded ? undefined : await snapshot(connection) });
    if (this.#beneficiary !== undefined) await this.#choose(connection);
    nameErrors(connection, this.#errorNames);
    const { networkHelpers } = connection;
    const loadFixture = networkHelpers.loadFixture.bind(networkHelpers);
    Object.assign(networkHelpers, {
      loadFixture: async <T>(fixture: (connection: never) => Promise<T>): Promise<T> => {
        const outer = this.#reached;
        const known = this.#fixtures.get(fixture) ?? new Set();
        this.#fixtures.set(fixture, known);
        this.#reached = known;
        const made = await loadFixture(fixture as Parameters<typeof loadFixture<T>>[0]);
        this.#reached = outer;
        for (const index of known) outer.add(index);
        return made;
      },
    });
    return connection;
  }

  async #choose({ provider }: Connection): Promise<void> {
    await provider.request({ method: "hardhat_setCoinbase", params: [this.#beneficiary] });
  }

  /** Puts every chain back to its first block. */
  async #reset(): Promise<void> {
    for (const chain of this.#chains) {
      const { connection, first } = chain;
      if (first === undefined) {
        this.#chains.delete(chain);
        await connection.close();
      } else {
        connection.networkHelpers.clearSnapshots();
        await connection.provider.request({ method: "evm_revert", params: [first] });
        chain.first = await snapshot(connection);
        if (this.#beneficiary !== undefined) await this.#choose(connection);
      }
    }
  }

  /** Runs these tests, or all, until one fails. */
  async run(beneficiary: string | undefined, titles?: ReadonlySet<string>): Promise<RunResult> {
    this.#beneficiary = beneficiary;
    this.#fixtures.clear();
    await this.#reset();
    for (const [suite, tests] of this.#allTests) {
      suite.tests = tests.filter((test) => titles === undefined || titles.has(test.fullTitle()));
    }
    return new Promise((resolve) => {
      let result: RunResult = { failed: undefined, message: "" };
      const runner = this.#mocha.run(() => resolve(result));
      runner.on("fail", (test: Mocha.Runnable, error: Error) => {
        if (result.failed === undefined)
          result = { failed: test.fullTitle(), message: error.message.split("\n")[0] ?? "" };
      });
    });
  }

  /** Runs all tests and tells what each reaches, preparations included. */
  async record(): Promise<TestRecord[]> {
    this.#mocha.bail(false);
    for (const suite of this.#allTests.keys()) suite.bail(false);
    const records: TestRecord[] = [];
    const prepared = new Map<Suite, Set<number>>();
    await this.#reset();
    await new Promise<void>((resolve) => {
      let started = performance.now();
      const runner = this.#mocha.run(() => resolve());
      const failed = new Set<string>();
      runner.on("suite", (suite: Suite) => {
        this.#reached = new Set();
        prepared.set(suite, this.#reached);
        started = performance.now();
      });
      runner.on("hook", (hook: Mocha.Hook) => {
        if (hook.title.startsWith('"before each"') && hook.ctx?.currentTest !== this.#current) {
          this.#current = hook.ctx?.currentTest;
          this.#reached = new Set();
          started = performance.now();
        }
      });
      runner.on("test", (test: Mocha.Test) => {
        if (test === this.#current) return;
        this.#current = test;
        this.#reached = new Set();
        started = performance.now();
      });
      runner.on("fail", (test: Mocha.Runnable, error: Error) => {
        failed.add(test.fullTitle());
        process.stderr.write(
          `fails when nothing is mutated, and is left out: ${test.fullTitle()}: ${error.message.split("\n")[0] ?? ""}\n`,
        );
      });
      runner.on("test end", (test: Mocha.Test) => {
        const hits = new Set(this.#reached);
        for (let suite = test.parent; suite !== undefined; suite = suite.parent) {
          for (const index of prepared.get(suite) ?? []) hits.add(index);
        }
        const title = test.fullTitle();
        const passed = test.state === "passed" && !failed.has(title);
        records.push({
          file: relative(TESTS, test.file ?? ""),
          title,
          milliseconds: performance.now() - started,
          passed,
          hits: [...hits].sort((a, b) => a - b),
        });
      });
    });
    return records;
  }
  #current: Mocha.Runnable | undefined;
}
