import { preflight, type Ports } from "./assemble.ts";
import type { RelayerConfig } from "./config.ts";
import { decidePost } from "./jobs/post.ts";
import { encodeAdvance } from "./l1/encode.ts";
import { nothingSeen, postPolicy, txLimits } from "./relayer.ts";
import { initialFees } from "./tx/feePolicy.ts";

/** OPS-2: what would be posted now, what L1 would say to it and what it would cost. Signs and sends nothing. */
export async function dryRun(config: RelayerConfig, ports: Ports): Promise<object> {
  const { l1, sequencer, chain, deployment } = ports;
  const decision = await decidePost({ l1, sequencer, post: postPolicy(config), seen: nothingSeen() });
  if (decision.kind === "none") return { post: "none", reason: decision.reason };
  const { header } = decision.finalized;
  const outcome = await preflight(ports, deployment.contracts.lightClient, encodeAdvance(decision.finalized));
  const fees = initialFees(await chain.market(), txLimits(config).fees, false);
  return {
    post: decision.kind,
    height: header.height.toString(),
    epoch: header.epoch.toString(),
    l1: outcome.kind === "ok" ? "accepts" : `${outcome.verdict}: ${outcome.name}`,
    feePerGas: fees.kind === "hold" ? "above the ceiling" : fees.fees.maxFeePerGas.toString(),
  };
}
