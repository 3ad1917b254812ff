/**
 * Writes what a block explorer needs to verify the contracts of a deployment, without a network: for each contract its
 * compiler input (standard JSON), compiler version, linked libraries and ABI-encoded constructor arguments.
 *
 *   node deploy/sources.ts --state deployment --out sources
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Command } from "commander";
import { Interface, type InterfaceAbi } from "ethers";
import { z } from "zod";

const hexData = z.string().regex(/^0x[0-9a-fA-F]*$/);
const initialized = z.object({
  type: z.literal("DEPLOYMENT_EXECUTION_STATE_INITIALIZE"),
  futureId: z.string(),
  artifactId: z.string(),
  contractName: z.string(),
  constructorArgs: z.array(z.unknown()),
  libraries: z.record(z.string(), hexData),
});
const reference = z.array(z.object({ start: z.int(), length: z.literal(20) }));
const artifactSchema = z.object({
  contractName: z.string(),
  sourceName: z.string(),
  inputSourceName: z.string().optional(),
  abi: z.array(z.unknown()),
  bytecode: hexData.or(z.string()),
  linkReferences: z.record(z.string(), z.record(z.string(), reference)),
  buildInfoId: z.string().optional(),
});
const buildInfoSchema = z.object({ solcLongVersion: z.string(), input: z.record(z.string(), z.unknown()) });

/** One contract as it was deployed. */
export interface DeployedSource {
  readonly name: string;
  readonly address: string;
  /** `path:Name` as explorers ask for it. */
  readonly qualifiedName: string;
  readonly compiler: string;
  /** Address by library name. */
  readonly libraries: Readonly<Record<string, string>>;
  /** ABI-encoded, without 0x. */
  readonly constructorArguments: string;
  /** What the deploying transaction carried: linked code and arguments. */
  readonly creationCode: string;
  readonly standardJson: Readonly<Record<string, unknown>>;
}

/** A deployment's folder that does not hold what it should. */
export class SourcesError extends Error {
  override readonly name = "SourcesError";
}

/** Reads everything from the folder that `deploy.ts --state` keeps: it is complete without this repository. */
export function deployedSources(state: string): readonly DeployedSource[] {
  const folder = join(state, "deployments", "crema");
  if (!existsSync(folder)) throw new SourcesError(`${state} holds no deployment: give the --state of deploy.ts`);
  const addresses = z.record(z.string(), hexData).parse(readJson(join(folder, "deployed_addresses.json")));
  const messages = readFileSync(join(folder, "journal.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return messages.flatMap((line) => {
    const message = initialized.safeParse(JSON.parse(line, reviveBigInt));
    if (!message.success) return [];
    const { futureId, artifactId, libraries, constructorArgs } = message.data;
    const artifact = artifactSchema.parse(readJson(join(folder, "artifacts", `${artifactId}.json`)));
    // OpenZeppelin's own build: explorers know it already.
    if (artifact.buildInfoId === undefined) return [];
    const address = addresses[futureId];
    if (address === undefined) throw new SourcesError(`${futureId} was not deployed to the end: run deploy.ts again`);
    const build = buildInfoSchema.parse(readJson(join(folder, "build-info", `${artifact.buildInfoId}.json`)));
    const { fragments } = new Interface(artifact.abi as InterfaceAbi);
    const encoded = new Interface(fragments).encodeDeploy(constructorArgs).slice(2);
    return [
      {
        name: artifact.contractName,
        address,
        qualifiedName: `${artifact.inputSourceName ?? artifact.sourceName}:${artifact.contractName}`,
        compiler: `v${build.solcLongVersion}`,
        libraries,
        constructorArguments: encoded,
        creationCode: `${link(artifact, libraries)}${encoded}`,
        standardJson: build.input,
      },
    ];
  });
}

/** Ignition's journal writes bigints as `{ _kind: "bigint", value }`. */
function reviveBigInt(_name: string, value: unknown): unknown {
  const tagged = z.object({ _kind: z.literal("bigint"), value: z.string() }).safeParse(value);
  return tagged.success ? BigInt(tagged.data.value) : value;
}

function link(artifact: z.output<typeof artifactSchema>, libraries: Readonly<Record<string, string>>): string {
  let code = artifact.bytecode;
  for (const [name, places] of Object.values(artifact.linkReferences).flatMap(Object.entries)) {
    const address = libraries[name]?.slice(2).toLowerCase();
    if (address === undefined) throw new SourcesError(`${artifact.contractName} was linked without ${name}`);
    for (const { start } of places) {
      const at = 2 + 2 * start;
      code = `${code.slice(0, at)}${address}${code.slice(at + 40)}`;
    }
  }
  return code;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function write(out: string, sources: readonly DeployedSource[]): void {
  mkdirSync(out, { recursive: true });
  for (const { name, standardJson, address, qualifiedName, compiler, libraries, constructorArguments } of sources) {
    const facts = { name, address, qualifiedName, compiler, libraries, constructorArguments };
    writeFileSync(join(out, `${name}.standard.json`), JSON.stringify(standardJson));
    writeFileSync(join(out, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
    process.stdout.write(`${name.padEnd(22)} ${address}  ${qualifiedName}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = new Command("sources")
    .description("writes what explorers need to verify a deployment's contracts")
    .requiredOption("--state <directory>", "the --state of deploy.ts")
    .requiredOption("--out <directory>", "where to write")
    .parse()
    .opts<{ state: string; out: string }>();
  try {
    write(options.out, deployedSources(options.state));
  } catch (error) {
    process.stderr.write(`sources: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
