import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import { preflight, type Ports } from "./assemble.ts";
import type { RelayerConfig } from "./config.ts";
import { nextPost, installedCommittee } from "./decide/nextPost.ts";
import { encodeAdvance } from "./l1/encode.ts";
import { initialFees } from "./tx/feePolicy.ts";
import { CommitteeId, Epoch } from "../src/protocol/scalars.ts";
import { txLimits } from "./relayer.ts";

/** OPS-2: what would be posted now, what L1 would say to it and what it would cost. Signs and sends nothing. */
export async function dryRun(config: RelayerConfig, ports: Ports, _clock: Clock, logger: Logger): Promise<object> {
  const { l1, sequencer, chain, deployment } = ports;
  const [client, l1Seconds, offered] = await Promise.all([l1.client(), l1.headTime(), sequencer.newest()]);
  const [newest] = offered;
  logger.debug("dry run", { l1Height: client.height, offered: offered.length });
  if (newest === undefined) return { post: "none", reason: "nothing is finalized yet" };
  const installed = installedCommittee(client);
  const epoch = Epoch(client.epoch === 0n ? 1n : client.epoch);
  const changes = newest.header.committee === installed ? [] : await sequencer.changes(CommitteeId(installed), epoch);
  const policy = {
    everyBlocks: BigInt(config.postEveryBlocks),
    everySeconds: BigInt(config.postEverySeconds),
    deadlineSeconds: BigInt(config.postDeadlineSeconds),
  };
  const decision = nextPost(client, { newest, change: changes[0] }, policy, l1Seconds);
  if (decision.kind === "none") return { post: "none", reason: decision.reason };
  const { header } = decision.finalized;
  const outcome = await preflight(ports, deployment.contracts.lightClient, encodeAdvance(decision.finalized));
  const fees = initialFees(await chain.market(), txLimits(config).fees, false);
  return {
    post: decision.kind,
    height: header.height.toString(),
    epoch: header.epoch.toString(),
    l1: outcome.kind === "ok" ? "accepts" : `${outcome.verdict}: ${outcome.name}`,
    fees: fees.kind === "hold" ? "above the ceiling" : fees.fees.maxFeePerGas.toString(),
  };
}
