import { describe, expect, it } from "vitest";

import { nextPost, type PostPolicy } from "../../../relayer/decide/nextPost.ts";
import type { ClientState } from "../../../relayer/l1/reader.ts";
import { saltOf, TestChain } from "../support/chain.ts";

const POLICY: PostPolicy = { everyBlocks: 10n, everySeconds: 60n, deadlineSeconds: 600n };
const NOW = 10_000n;

function client(over: Partial<ClientState> = {}): ClientState {
  return { height: 100n, epoch: 1n, committee: 1n, trustedUntil: NOW + 1n, freshAt: NOW, frozen: false, ...over };
}

/** Finalizations at the heights asked for; epochs of a hundred blocks. */
function chainTo(height: number, options: { readonly nextAt100?: bigint } = {}): TestChain {
  const key = new Uint8Array(32).fill(1);
  const signers = (committee: bigint) => ({ committee, secretKeys: [key] });
  const chain = new TestChain({
    chainId: 1n,
    stakeTable: `0x${"00".repeat(20)}`,
    salt: saltOf("x"),
    epochLength: 100n,
    signers: signers(1n),
    l1Number: () => 1n,
  });
  chain.grow(Math.min(height, 100), options.nextAt100 === undefined ? undefined : signers(options.nextAt100));
  if (height > 100) chain.grow(height - 100);
  return chain;
}

function offer(chain: TestChain) {
  const newest = chain.newest();
  if (newest === undefined) throw new Error("empty chain");
  const [change] = chain.handovers(0n).filter(({ header }) => header.nextCommittee !== header.committee);
  return { newest, change };
}

describe("POST-1, POST-2: the one finalization to post next", () => {
  it.each([
    ["one block below the policy", 109, {}, "none"],
    ["as many blocks as the policy says", 110, {}, "advance"],
    ["the checkpoint one second too young", 101, { freshAt: NOW - 59n }, "none"],
    ["the checkpoint as old as the policy says", 101, { freshAt: NOW - 60n }, "advance"],
    ["L1 ahead of the node", 99, {}, "none"],
    ["L1 has it", 100, { freshAt: 0n }, "none"],
    ["nothing was ever posted", 1, { height: 0n, epoch: 0n, committee: 0n, trustedUntil: 0n }, "advance"],
    ["frozen", 150, { frozen: true }, "none"],
    ["expired at this second", 150, { trustedUntil: NOW }, "none"],
    ["another committee's block without its handover", 150, { committee: 2n }, "none"],
  ] as const)("%s", (_title, height, over, kind) => {
    const { newest } = offer(chainTo(height));
    expect(nextPost(client(over), { newest, change: undefined }, POLICY, NOW).kind).toBe(kind);
  });

  it("a handover that changes the committee is posted at once, before what its committee finalized", () => {
    const chain = chainTo(130, { nextAt100: 2n });
    const decision = nextPost(client({ height: 99n }), offer(chain), POLICY, NOW);
    expect(decision).toMatchObject({ kind: "handover", finalized: { header: { height: 100n, nextCommittee: 2n } } });
    const after = client({ height: 100n, committee: 2n, freshAt: NOW - 60n });
    expect(nextPost(after, offer(chain), POLICY, NOW)).toMatchObject({
      kind: "advance",
      finalized: { header: { height: 130n } },
    });
  });

  it("a handover that changes nothing is a block like others", () => {
    const decision = nextPost(client({ height: 99n }), offer(chainTo(130)), POLICY, NOW);
    expect(decision).toMatchObject({ kind: "advance", finalized: { header: { height: 130n } } });
  });

  it("after the deadline, counted from the checkpoint, the urgent ceiling holds", () => {
    const decision = nextPost(client({ freshAt: 7_000n }), offer(chainTo(150)), POLICY, NOW);
    expect(decision).toMatchObject({ urgentAtMs: 7_600_000 });
  });
});
