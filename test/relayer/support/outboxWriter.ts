/** Commits one slot and its intent together, again and again, and says so, until it is killed. */
import { openLevelStore } from "../../../relayer/tx/levelStore.ts";
import { Outbox } from "../../../relayer/tx/outbox.ts";
import { keccakHash } from "../../../src/crypto/hash.ts";

const store = await openLevelStore(process.argv[2] ?? "");
const outbox = await Outbox.open([store]);
for (let nonce = 0; ; nonce++) {
  const id = keccakHash(new TextEncoder().encode(`intent ${String(nonce)}`));
  const intent = {
    id,
    label: `i${String(nonce)}`,
    group: "",
    rank: BigInt(nonce),
    priority: 0,
    to: "0x00",
    data: "0x",
    gasMax: 1n,
    urgentAtMs: 0,
  };
  const fees = { maxFeePerGas: 2n, maxPriorityFeePerGas: 1n };
  const attempt = { hash: id, raw: `0x${"ab".repeat(2_000)}`, fees, intentId: id, signedAtMs: 1 };
  await outbox.commit([
    { kind: "intent", revision: 0, intent, state: "open", reason: "", offeredAtMs: 0, gasLimit: null },
    { kind: "slot", revision: 0, nonce, attempts: [attempt], status: "pending", mined: null, consumedAt: null },
  ]);
  process.stdout.write(`${String(nonce)}\n`);
}
