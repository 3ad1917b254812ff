import { Command } from "commander";

import { flagName, redacted } from "../src/config/configTable.ts";
import { systemClock } from "../src/runtime/clock.ts";
import { jsonLogger } from "../src/runtime/logger.ts";
import { systemRandom } from "../src/runtime/random.ts";
import { createPorts } from "./assemble.ts";
import { openBackend } from "./backends/open.ts";
import { readRelayerConfig, TABLE, type RelayerConfig } from "./config.ts";
import { dryRun } from "./dryRun.ts";
import { startHttp } from "./http.ts";
import { readAdminToken, readDashboardPassword } from "./httpSecrets.ts";
import { measuredSigner } from "./keys/measuredSigner.ts";
import { openSigner } from "./keys/openSigner.ts";
import { createMetrics } from "./metrics.ts";
import { Relayer } from "./relayer.ts";

const EXIT_CONFIG = 2;
const EXIT_FAILURE = 1;
/** Longest wait for the running relayer; a drain waits for Redis and L1. */
const ASK_TIMEOUT_MS = 30_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

type Flags = Readonly<Record<string, string | boolean | undefined>>;

function configOf(flags: Flags): RelayerConfig {
  const texts = Object.fromEntries(
    Object.entries(flags).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  const { config, ...settings } = texts;
  return readRelayerConfig({ flags: settings, env: process.env, ...(config === undefined ? {} : { file: config }) });
}

async function run(flags: Flags): Promise<void> {
  const config = configOf(flags);
  const clock = systemClock;
  const logger = jsonLogger(config.logLevel, { name: "relayer" });
  const metrics = createMetrics();
  const signer = measuredSigner(await openSigner(config, clock), metrics);
  const ports = createPorts(config, signer, clock, logger);
  if (flags["dryRun"] === true) {
    say(JSON.stringify(await dryRun(config, ports)));
    ports.close();
    return;
  }
  const token = readAdminToken(config, systemRandom);
  const password = readDashboardPassword(config, token);
  const path = process.env["PATH"] ?? "";
  const { queue: kind, redisUrl, dataDir } = config;
  const backend = await openBackend({ kind, redisUrl: redisUrl ?? undefined, dataDir, path }, logger);
  metrics.identity(signer.address, backend.kind);
  const relayer = new Relayer({ config, ports, backend, metrics, clock, random: systemRandom, logger });
  await relayer.start();
  const { httpHost: host, httpPort: port } = config;
  const dashboard = password === undefined ? {} : { dashboard: { backend, signer: signer.address, password } };
  const http = await startHttp({ relayer, metrics, logger, host, port, adminToken: token, ...dashboard });
  logger.info("ready", { queue: backend.kind, address: signer.address, http: http.url });
  const asked = new Promise<string>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  const signal = await Promise.race([asked, relayer.failed()]);
  logger.info("stopping", { signal });
  // The relayer first: a private queue in the same process group gets the signal too and may be gone already.
  const stopping = relayer.stop();
  await http.close();
  await stopping;
  // Kept-alive sockets to L1 and to nodes would hold the process for some seconds more.
  process.exit(0);
}

/** No relayer answers where the configuration says that one listens. */
class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/** Asks the running relayer of this configuration. */
async function ask(flags: Flags, method: "GET" | "POST", path: string): Promise<void> {
  const config = configOf(flags);
  const host = config.httpHost.includes(":") ? `[${config.httpHost}]` : config.httpHost;
  const address = `http://${host}:${String(config.httpPort)}`;
  const headers = method === "POST" ? { authorization: `Bearer ${readAdminToken(config, systemRandom)}` } : {};
  const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
  const response = await fetch(`${address}${path}`, { method, headers, signal }).catch((error: unknown) => {
    throw new NoAnswerError(`no relayer answers at ${address}`, { cause: error });
  });
  say(JSON.stringify(await response.json(), null, 2));
  if (!response.ok) process.exitCode = EXIT_FAILURE;
}

/** Every user of the machine sees a command line. */
const NEVER_A_FLAG: ReadonlySet<string> = new Set(["key", "redisUrl"]);

function withSettings(command: Command): Command {
  command.option("--config <file>", "YAML or JSON file with settings by name");
  for (const [name, row] of Object.entries(TABLE)) {
    if (NEVER_A_FLAG.has(name)) continue;
    const fallback = "default" in row && row.default !== "" ? `, default ${row.default}` : "";
    command.option(`--${flagName(name)} <value>`, `${row.description} [${row.env}${fallback}]`);
  }
  return command;
}

function named(error: unknown, names: RegExp): boolean {
  return error instanceof Error && names.test(error.name);
}

function guarded(action: (flags: Flags) => Promise<void>): (flags: Flags) => Promise<void> {
  return async (flags) => {
    try {
      await action(flags);
    } catch (error) {
      const isConfig = named(error, /^(ConfigError|KeyError|AddressBookError|KeyInUseError|BackendError)$/);
      const isKnown = isConfig || named(error, /^(NoAnswerError|SignerUnavailableError)$/);
      process.stderr.write(`${isKnown && error instanceof Error ? error.message : describe(error)}\n`);
      process.exit(isConfig ? EXIT_CONFIG : EXIT_FAILURE);
    }
  };
}

const program = new Command("crema-relayer").description(
  "Keeps L1 in step with Crema: posts finalizations and housekeeping.",
);
withSettings(program.command("run").description("run until SIGTERM"))
  .option("--dry-run", "say what would be sent now, send nothing, and exit")
  .action(guarded(run));
const config = program.command("config").description("look at the configuration");
withSettings(config.command("check").description("check every setting; exit code 2 names what is wrong")).action(
  guarded((flags) => {
    configOf(flags);
    say("ok");
    return Promise.resolve();
  }),
);
withSettings(config.command("print").description("print the settings in force, secrets hidden")).action(
  guarded((flags) => {
    const shown = redacted(TABLE, configOf(flags));
    say(JSON.stringify(shown, (_name, value: unknown) => (typeof value === "bigint" ? value.toString() : value), 2));
    return Promise.resolve();
  }),
);
withSettings(program.command("status").description("what the running relayer sees and does")).action(
  guarded((flags) => ask(flags, "GET", "/status")),
);
withSettings(program.command("retry").description("give failed jobs and reverted transactions another try")).action(
  guarded((flags) => ask(flags, "POST", "/admin/retry")),
);
withSettings(program.command("drain").description("take no new work; finish what is under way"))
  .option("--off", "take work again")
  .action(guarded((flags) => ask(flags, "POST", `/admin/drain?on=${String(flags["off"] !== true)}`)));

await program.parseAsync();
