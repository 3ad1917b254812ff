import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SYSTEMD = join(ROOT, "ops/systemd");
const units = readdirSync(SYSTEMD);
const INSTALLED = "/opt/crema/";
const NODE = `${INSTALLED}node_modules/.bin/node`;

/** Settings of a unit by section; a key may stand several times. */
function sections(text: string): Map<string, Map<string, string[]>> {
  const found = new Map<string, Map<string, string[]>>();
  let section = new Map<string, string[]>();
  for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
    const name = /^\[(\w+)\]$/.exec(line)?.[1];
    if (name !== undefined) {
      section = new Map();
      found.set(name, section);
      continue;
    }
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`neither section nor setting: ${line}`);
    section.set(line.slice(0, at), [...(section.get(line.slice(0, at)) ?? []), line.slice(at + 1)]);
  }
  return found;
}

/** What keeps a process that was taken over from taking over the machine. */
const HARDENING: Readonly<Record<string, string>> = {
  NoNewPrivileges: "yes",
  CapabilityBoundingSet: "",
  ProtectSystem: "strict",
  ProtectHome: "yes",
  PrivateTmp: "yes",
  PrivateDevices: "yes",
  ProtectKernelTunables: "yes",
  ProtectKernelModules: "yes",
  RestrictNamespaces: "yes",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
  UMask: "0077",
  RestartPreventExitStatus: "2",
  KillSignal: "SIGTERM",
};

describe.each(units)("MON-3: %s", (name) => {
  const text = readFileSync(join(SYSTEMD, name), "utf8");

  it("starts a file of this repository as a user of its own", () => {
    const service = sections(text).get("Service");
    const [node, ...words] = service?.get("ExecStart")?.[0]?.split(" ") ?? [];
    const [file = "", ...rest] = words.filter((word) => !word.startsWith("--") || word === "--config");
    expect(node).toBe(NODE);
    expect(file.startsWith(INSTALLED) && existsSync(join(ROOT, file.slice(INSTALLED.length)))).toBe(true);
    expect(rest.slice(0, 2)).toEqual(["run", "--config"]);
    expect([service?.get("User"), service?.get("StateDirectory")]).toEqual([
      [name.replace(".service", "")],
      [name.replace(".service", "")],
    ]);
    for (const [setting, value] of Object.entries(HARDENING))
      expect([setting, service?.get(setting)?.[0]]).toEqual([setting, value]);
  });

  it("is understood by systemd where there is one", () => {
    const tool = spawnSync("systemd-analyze", ["--version"]);
    if (tool.error !== undefined) {
      expect([...sections(text).keys()]).toEqual(["Unit", "Service", "Install"]);
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), "crema-units-"));
    try {
      // Here nothing is installed: the program is replaced by one that exists.
      writeFileSync(join(folder, name), text.replace(NODE, "/bin/sh"));
      const verified = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, name)], { encoding: "utf8" });
      expect(verified.stderr.split("\n").filter((line) => line.includes(name))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

const service = z.object({
  image: z.string(),
  command: z.array(z.string()),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.array(z.string()),
  environment: z.record(z.string(), z.string()).optional(),
});

describe("MON-3: containers", () => {
  it("copy and start what exists, not as root", () => {
    const text = readFileSync(join(ROOT, "ops/container/Containerfile"), "utf8");
    expect(text).toMatch(/^USER node$/m);
    const built = new Set(["node_modules", "artifacts"]);
    const copied = [...text.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, from = ""]) =>
      from.split(" ").flatMap((part) => (part.startsWith("--") ? [] : [part.replace(INSTALLED, "")])),
    );
    expect(copied.length).toBeGreaterThan(5);
    const tracked = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" });
    const isThere = (path: string): boolean => path === "." || built.has(path) || tracked.includes(path);
    expect(copied.filter((path) => !isThere(path))).toEqual([]);
  });

  it("the example starts validator, relayer and Redis without privileges and without a built-in password", () => {
    const text = readFileSync(join(ROOT, "ops/container/compose.yaml"), "utf8");
    const { services } = z.object({ services: z.record(z.string(), service) }).parse(parse(text, { merge: true }));
    expect(Object.keys(services)).toEqual(["validator", "relayer", "redis"]);
    for (const name of ["validator", "relayer"]) {
      const [file = ""] = (services[name]?.command ?? []).filter((word) => !word.startsWith("--"));
      expect([name, existsSync(join(ROOT, file))]).toEqual([name, true]);
    }
    expect(services["redis"]?.command).toEqual(expect.arrayContaining(["--maxmemory-policy", "noeviction"]));
    expect(text).not.toMatch(/requirepass", "(?!\$\{REDIS_PASSWORD:\?)/);
  });
});
