import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { CONFIG_FILE_BYTES_MAX, ConfigError, flagName, readConfig, redacted } from "../../src/config/configTable.ts";
import { integer, list, oneOf, text } from "../../src/config/fieldParsers.ts";
import { NODE_FIELDS, readNodeConfig } from "../../src/node/nodeConfig.ts";

const directory = mkdtempSync(join(tmpdir(), "crema-config-"));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

const TABLE = {
  limit: { env: "X_LIMIT", description: "a limit", parse: integer(1, 10), default: "5" },
  mode: { env: "X_MODE", description: "a mode", parse: oneOf(["fast", "safe"]) },
  token: { env: "X_TOKEN", description: "a secret", parse: text(4), default: "abcd", secret: true },
} as const;

describe("configuration table", () => {
  it("SETTING-1: a flag wins over the environment, that over the file, that over the default", () => {
    const path = file("order.yaml", "limit: 2\nmode: safe\n");
    const read = (flags: Record<string, string>, env: Record<string, string>): number =>
      readConfig(TABLE, [], { flags, env, file: path }).limit;
    expect(read({ limit: "4" }, { X_LIMIT: "3" })).toBe(4);
    expect(read({}, { X_LIMIT: "3" })).toBe(3);
    expect(read({}, {})).toBe(2);
    expect(readConfig(TABLE, [], { flags: { mode: "fast" }, env: {} })).toEqual({
      limit: 5,
      mode: "fast",
      token: "abcd",
    });
  });

  it("SETTING-2: every problem is reported at once, each naming field, origin and what is expected", () => {
    const problems = problemsOf(() => readConfig(TABLE, [], { flags: { limit: "11" }, env: {} }));
    expect(problems).toEqual([
      'limit (--limit) is "11": expected a whole number from 1 to 10',
      "mode is missing: give --mode, X_MODE or `mode` in the file",
    ]);
  });

  it("SETTING-3: a secret is never shown, neither in a problem nor in the printed configuration", () => {
    const from = { flags: { token: "hunter2", mode: "fast" }, env: {} };
    expect(problemsOf(() => readConfig(TABLE, [], from)).join()).not.toContain("hunter2");
    expect(redacted(TABLE, { limit: 1, mode: "fast", token: "abcd" })).toEqual({
      limit: 1,
      mode: "fast",
      token: "(hidden)",
    });
  });

  it.each([
    ["not YAML", "limit: [1,", "neither YAML nor JSON"],
    ["no map", "- 1\n- 2\n", "must hold settings by name"],
    ["an unknown setting", "limmit: 3\n", "limmit"],
    ["a nested value", "limit:\n  deep: 1\n", "limit"],
    ["empty", "", "must hold settings by name"],
  ])(
    "SETTING-4: a corrupt file (%s) is refused with the file and the field in the message",
    (_what, content, expected) => {
      const path = file("corrupt.yaml", content);
      const problems = problemsOf(() => readConfig(TABLE, [], { flags: { mode: "fast" }, env: {}, file: path }));
      expect(problems.join()).toContain(path);
      expect(problems.join()).toContain(expected);
    },
  );

  it("reads a file of exactly the maximum size, and refuses one byte more", () => {
    const content = (bytes: number): string => `mode: fast\n#${"x".repeat(bytes - 12)}`;
    expect(content(CONFIG_FILE_BYTES_MAX)).toHaveLength(CONFIG_FILE_BYTES_MAX);
    const read = (path: string): unknown => readConfig(TABLE, [], { flags: {}, env: {}, file: path });
    expect(read(file("max.yaml", content(CONFIG_FILE_BYTES_MAX)))).toMatchObject({ mode: "fast" });
    expect(problemsOf(() => read(file("over.yaml", content(CONFIG_FILE_BYTES_MAX + 1)))).join()).toContain(
      "longer than",
    );
  });

  it("SETTING-5: a broken relation is reported with its sentence", () => {
    const relations = [{ sentence: "safe needs a limit of 2", holds: (v: { limit: number }) => v.limit === 2 }];
    expect(problemsOf(() => readConfig(TABLE, relations, { flags: { mode: "safe" }, env: {} }))).toEqual([
      "safe needs a limit of 2",
    ]);
  });

  it("lists take their maximum and not one more", () => {
    const parse = list(text(), 2);
    expect(parse("")).toEqual([]);
    expect(parse("a, b")).toEqual(["a", "b"]);
    expect(() => parse("a,b,c")).toThrow("at most 2");
  });
});

describe("node configuration", () => {
  const needed = { dataDir: "d", clusterFile: "c", addressBook: "a", l1Urls: "http://127.0.0.1:1", keyDir: "k" };

  it("has a distinct variable, flag and a description for every setting", () => {
    const rows = Object.entries(NODE_FIELDS);
    expect(new Set(rows.map(([, row]) => row.env)).size).toBe(rows.length);
    expect(new Set(rows.map(([name]) => flagName(name))).size).toBe(rows.length);
    for (const [name, row] of rows) {
      expect(row.env).toBe(`CREMA_${flagName(name).replaceAll("-", "_").toUpperCase()}`);
      expect(row.description.length).toBeGreaterThan(10);
    }
  });

  it("accepts what is needed and nothing else, and asserts its relations", () => {
    expect(readNodeConfig({ flags: needed, env: {} })).toMatchObject({ apiPort: 8080, l1Urls: ["http://127.0.0.1:1"] });
    const samePort = { ...needed, listenPort: "9", apiPort: "9" };
    expect(problemsOf(() => readNodeConfig({ flags: samePort, env: {} })).join()).toContain("must differ");
    const impatient = { ...needed, l1Urls: "https://l1.example/key", l1PollMs: "100" };
    expect(problemsOf(() => readNodeConfig({ flags: impatient, env: {} })).join()).toContain("half a second");
    expect(problemsOf(() => readNodeConfig({ flags: { ...needed, l1Urls: "ftp://x" }, env: {} })).join()).toContain(
      "l1Urls",
    );
  });
});
