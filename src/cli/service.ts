import { systemClock } from "../runtime/clock.ts";
import { jsonLogger, type LogLevel } from "../runtime/logger.ts";
import { systemRandom } from "../runtime/random.ts";
import type { Node, NodePorts } from "../node/createNode.ts";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs a node until a signal or a fault of its own. The first signal ends it in order, the second at once; a fault is
 * logged and gives exit code 1.
 */
export async function runUntilSignal(level: LogLevel, create: (ports: NodePorts) => Node): Promise<void> {
  const logger = jsonLogger(level, { program: "crema" });
  let failed: (error: Error) => void = () => undefined;
  const fault = new Promise<Error>((resolve) => {
    failed = resolve;
  });
  const node = create({ clock: systemClock, random: systemRandom, logger, onFatal: failed });
  const signalled = new Promise<void>((resolve) => {
    let count = 0;
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        count += 1;
        if (count > 1) process.exit(1);
        logger.info("stopping", { signal });
        resolve();
      });
    }
  });
  const started = await node.start();
  logger.info("ready", { ...started });
  const error = await Promise.race([fault, signalled.then(() => undefined)]);
  if (error !== undefined) {
    logger.error("stopping after a fault", { error });
    process.exitCode = 1;
  }
  await node.stop();
  logger.info("stopped");
  // Connections to L1 that are kept alive for reuse would hold the process for some seconds more.
  process.exit();
}
