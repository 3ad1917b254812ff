import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

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

const OUTPUTS = [
  "abi",
  "evm.bytecode.object",
  "evm.bytecode.linkReferences",
  "evm.deployedBytecode.object",
  "evm.deployedBytecode.linkReferences",
];

/** Test contracts come and go while the others stay, so they are compiled by themselves. */
const isTest = (file: string): boolean => file.startsWith("contracts/test/");

function digestOf(sources: Sources, isWanted: (file: string) => boolean): string {
  const digest = createHash("sha256");
  for (const [path, text] of [...sources].sort()) if (isWanted(path)) digest.update(`${path}\n${text}\n`);
  return digest.digest("hex").slice(0, 16);
}

function build(folder: string, sources: Sources, isWanted: (file: string) => boolean): void {
  const files = [...sources.keys()].filter(isWanted);
  const output = compile(sources, Object.fromEntries(files.map((file) => [file, { "*": OUTPUTS }])), SETTINGS);
  const [error] = errorsOf(output);
  if (error !== undefined) throw new Error(error.formattedMessage);
  for (const [source, contracts] of Object.entries(output.contracts ?? {})) {
    if (!isWanted(source)) continue;
    for (const [name, contract] of Object.entries(contracts)) writeArtifact(folder, source, name, contract);
  }
}

/** A folder with the artifacts of these sources, made once for each text. */
export function buildInstrumented(sources: Sources): string {
  const folder = join(tmpdir(), `crema-instrumented-${digestOf(sources, (file) => !isTest(file))}`);
  if (!existsSync(folder)) {
    const unfinished = `${folder}-${String(process.pid)}`;
    build(unfinished, sources, (file) => file.startsWith("contracts/") && !isTest(file));
    mkdirSync(join(unfinished, "cache"), { recursive: true });
    try {
      renameSync(unfinished, folder);
    } catch {
      rmSync(unfinished, { recursive: true, force: true }); // Another process was faster.
    }
  }
  const mark = join(folder, `tests-${digestOf(sources, isTest)}`);
  if (!existsSync(mark)) {
    build(folder, sources, isTest);
    writeFileSync(mark, "");
  }
  return folder;
}
