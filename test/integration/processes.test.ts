import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, describe, expect, it } from "vitest";

import {
  createProcesses,
  describeExit,
  PROCESSES_MAX,
  ProcessError,
  type Managed,
  type ProcessSpec,
} from "../../src/cli/start/processes.ts";
import { sleep, systemClock } from "../../src/runtime/clock.ts";

const directory = mkdtempSync(join(tmpdir(), "crema-processes-"));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function script(name: string, text: string): ProcessSpec {
  const logFile = join(directory, `${name}.log`);
  return { name, command: process.execPath, args: ["-e", text], env: {}, cwd: directory, logFile };
}

const LASTING = "console.log('up'); setInterval(() => {}, 1000);";
/** Says which process it started, and ignores requests to end. */
const STUBBORN_PARENT = `
  const { spawn } = require("node:child_process");
  process.on("SIGTERM", () => {});
  const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"]);
  console.log("child " + child.pid);
  setInterval(() => {}, 1000);`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(systemClock, 20);
}

function logOf(managed: Managed): string {
  return readFileSync(managed.spec.logFile, "utf8");
}

describe("process groups of the local network", () => {
  it("PROC-1: stopAll ends everything that was started and says who had to be killed", async () => {
    const processes = createProcesses();
    const started = ["a", "b", "c"].map((name) => processes.start(script(name, LASTING)));
    for (const managed of started) await until(() => logOf(managed).includes("up"));
    expect(await processes.stopAll()).toEqual([]);
    expect(started.map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
    expect(processes.unexpected).toEqual([]);
  });

  it("PROC-2: kill ends a process with all that it started, though both ignore SIGTERM", async () => {
    const processes = createProcesses();
    const parent = processes.start(script("stubborn", STUBBORN_PARENT));
    await until(() => /child \d+/.test(logOf(parent)));
    const child = Number(/child (\d+)/.exec(logOf(parent))?.[1]);
    await parent.kill();
    await until(() => !isAlive(child));
    expect(isAlive(parent.pid)).toBe(false);
    await processes.stopAll();
  });

  it("PROC-3: an end that nobody asked for is reported, with code and last words", async () => {
    const processes = createProcesses();
    const seen: string[] = [];
    processes.onUnexpectedExit((managed) => seen.push(managed.spec.name));
    const failing = processes.start(script("failing", "console.error('no room left'); process.exit(7)"));
    await failing.exited;
    expect(seen).toEqual(["failing"]);
    expect(describeExit(failing)).toContain("ended with code 7");
    expect(describeExit(failing)).toContain("no room left");
    await processes.stopAll();
  });

  it("PROC-4: a command that does not exist and a name in use are refused", async () => {
    const processes = createProcesses();
    expect(() => processes.start({ ...script("none", ""), command: join(directory, "absent") })).toThrow(ProcessError);
    processes.start(script("twice", LASTING));
    expect(() => processes.start(script("twice", LASTING))).toThrow("running already");
    await processes.stopAll();
  });

  it(`PROC-5: ${String(PROCESSES_MAX)} processes at once, and not one more`, async () => {
    const processes = createProcesses();
    const sleeper = (index: number): ProcessSpec => ({
      ...script(`s${String(index)}`, ""),
      command: "sleep",
      args: ["60"],
    });
    for (let index = 0; index < PROCESSES_MAX; index++) processes.start(sleeper(index));
    expect(() => processes.start(sleeper(PROCESSES_MAX))).toThrow(ProcessError);
    expect(await processes.stopAll()).toEqual([]);
  });

  it("PROC-6: when the starter itself is killed without warning, nothing that it started stays", async () => {
    const source = fileURLToPath(new URL("../../src/cli/start/processes.ts", import.meta.url));
    const starter = join(directory, "starter.ts");
    const spec = JSON.stringify(script("orphan", STUBBORN_PARENT));
    writeFileSync(
      starter,
      `import { createProcesses } from ${JSON.stringify(source)};
       const managed = createProcesses().start(${spec});
       console.log("started " + managed.pid);
       setInterval(() => {}, 1000);`,
    );
    const parent = spawn(process.execPath, [starter], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    parent.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await until(() => /started \d+/.test(output));
    const orphan = Number(/started (\d+)/.exec(output)?.[1]);
    const log = join(directory, "orphan.log");
    await until(() => /child \d+/.test(readFileSync(log, "utf8")));
    const grandchild = Number(/child (\d+)/.exec(readFileSync(log, "utf8"))?.[1]);
    expect([isAlive(orphan), isAlive(grandchild)]).toEqual([true, true]);
    parent.kill("SIGKILL");
    await until(() => !isAlive(orphan) && !isAlive(grandchild));
  });
});
