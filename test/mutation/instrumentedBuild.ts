import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { compile, type CompiledContract, errorsOf, type Sources } from "./solidity.ts";

/** Fast to compile: what code costs is not tested on it. */
const SETTINGS = { viaIR: true, optimizer: { enabled: true, runs: 1 } };

function writeArtifact(build: string, source: string, name: string, { abi, evm }: CompiledContract): void {
  const artifact = {
    _format: "hh3-artifact-1",
    contractName: name,
    sourceName: source,
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
    linkReferences: evm.bytecode.linkReferences,
    deployedLinkReferences: evm.deployedBytecode.linkReferences,
    immutableReferences: {},
    inputSourceName: source,
  };
  const path = join(build, "artifacts", source, `${name}.json`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(artifact));
}

/** A folder with the artifacts of these sources, made once for each text. */
export function buildInstrumented(sources: Sources): string {
  const digest = createHash("sha256");
  for (const [path, text] of [...sources].sort()) digest.update(`${path}\n${text}\n`);
  const build = join(tmpdir(), `crema-instrumented-${digest.digest("hex").slice(0, 16)}`);
  if (existsSync(build)) return build;

  const evm = [
    "abi",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.linkReferences",
  ];
  const output = compile(sources, { "*": { "*": evm } }, SETTINGS);
  const [error] = errorsOf(output);
  if (error !== undefined) throw new Error(error.formattedMessage);
  const unfinished = `${build}-${String(process.pid)}`;
  for (const [source, contracts] of Object.entries(output.contracts ?? {})) {
    if (!source.startsWith("contracts/")) continue;
    for (const [name, contract] of Object.entries(contracts)) writeArtifact(unfinished, source, name, contract);
  }
  mkdirSync(join(unfinished, "cache"), { recursive: true });
  try {
    renameSync(unfinished, build);
  } catch {
    rmSync(unfinished, { recursive: true, force: true }); // Another process was faster.
  }
  return build;
}

export function nameOf(build: string): string {
  return basename(build);
}
