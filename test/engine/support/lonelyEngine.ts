import { inlineBls } from "../../../src/engine/blsPort.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import { decode, encode, type Message } from "../../../src/engine/message.ts";
import type { L1View } from "../../../src/engine/l1View.ts";
import { peerIdFromKey, type MessageHandler, type PeerId, type PeerStatus } from "../../../src/network/transport.ts";
import type { Member } from "../../../src/protocol/Committee.ts";
import type * as Evidence from "../../../src/protocol/Evidence.ts";
import * as Genesis from "../../../src/protocol/Genesis.ts";
import { ValidatorId } from "../../../src/protocol/scalars.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { systemRandom } from "../../../src/runtime/random.ts";
import { createMemoryStore } from "../../../src/storage/memoryStore.ts";
import { fakeBls } from "../../simulation/fakeBls.ts";
import { quickConfig } from "../../simulation/world.ts";
import { fixedL1 } from "./fixedL1.ts";
import { manualClock, type ManualClock } from "./manualClock.ts";
import { memoryJournal } from "./memoryJournal.ts";
import { plainSigner } from "./plainSigner.ts";

export const config = quickConfig({ genesisTimeMs: 1_700_000_000_000, epochLength: 50 });
export const domain = {
  chainId: 31_337n,
  stakeTable: "0x5fbdb2315678afecb367f032d93f642f64180aa3" as const,
  salt: Genesis.hash(config),
};
export const secrets = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
export const members = secrets.map((secret, seat): Member => {
  const common = { seat, weight: 1n, transportKey: new Uint8Array(32).fill(seat + 1), address: "" };
  return { ...common, validator: ValidatorId(BigInt(seat) + 1n), key: fakeBls.publicKey(secret) };
});

/** The network identity of a member. */
export function peerOf(seat: number): PeerId {
  return peerIdFromKey(new Uint8Array(32).fill(seat + 1));
}

/** One engine whose peers are the test. */
export interface LonelyEngine {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly penalties: string[];
  /** Lets the engine hear a message of the member in a seat (0 unless said) and gives back what it then says. */
  readonly hear: (message: Message, seat?: number) => Promise<Message[]>;
  readonly hearBytes: (bytes: Uint8Array, seat?: number) => Promise<Message[]>;
  /** Lets time pass, and gives back what the engine then says. */
  readonly wait: (ms: number) => Promise<Message[]>;
}

function connectedPeer(id: PeerId): PeerStatus {
  const common = { id, role: "validator" as const, address: null, connected: true, direction: null, penalty: 0 };
  return { ...common, queuedBytes: 0, lastDisconnect: null };
}

const running: Engine[] = [];

export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((engine) => engine.stop()));
}

/** A follower, or the validator of `seat`; in the committee of `members` unless another is given. */
export async function lonelyEngine(
  seat?: number,
  committee: readonly Member[] = members,
  store = createMemoryStore(),
  l1: Partial<L1View> = {},
  connected: readonly PeerId[] = [],
  onObserved: (message: Evidence.Message) => void = () => undefined,
): Promise<LonelyEngine> {
  let handler: MessageHandler = () => undefined;
  let said: Message[] = [];
  const penalties: string[] = [];
  const secret = seat === undefined ? undefined : secrets[seat];
  const clock = manualClock();
  const engine = createEngine(
    {
      clock,
      random: systemRandom,
      logger: silentLogger,
      transport: {
        self: seat === undefined ? peerIdFromKey(new Uint8Array(32).fill(99)) : peerOf(seat),
        setPeers: () => undefined,
        send: (_, bytes) => {
          const decoded = decode(bytes, config.limits);
          if (decoded.ok) said.push(decoded.message);
          return { accepted: true };
        },
        onMessage: (given) => {
          handler = given;
        },
        onPeerChange: () => undefined,
        penalize: (_, offence) => penalties.push(offence),
        peers: () => connected.map(connectedPeer),
        stats: () => {
          throw new Error("nobody counts here");
        },
        close: () => Promise.resolve(),
      },
      store,
      journal: memoryJournal(),
      l1: { ...fixedL1(committee), ...l1 },
      bls: inlineBls(fakeBls),
      ...(secret === undefined ? {} : { signer: plainSigner(fakeBls, secret, domain, onObserved) }),
    },
    { config, domain },
  );
  running.push(engine);
  await engine.start();
  async function settle(): Promise<Message[]> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    return said;
  }
  function hearBytes(bytes: Uint8Array, from = 0): Promise<Message[]> {
    said = [];
    handler(peerOf(from), bytes);
    return settle();
  }
  return {
    engine,
    clock,
    penalties,
    hear: (message, from = 0) => hearBytes(encode(message), from),
    hearBytes,
    wait: (ms) => {
      said = [];
      clock.advance(ms);
      return settle();
    },
  };
}
