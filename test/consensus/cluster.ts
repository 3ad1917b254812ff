import { answerView } from "../../src/consensus/answer.ts";
import { createContext, type Context } from "../../src/consensus/context.ts";
import { SELF, type Anchor, type Event, type Timer } from "../../src/consensus/input.ts";
import type { JournalRecord, Output, Want } from "../../src/consensus/output.ts";
import { recover } from "../../src/consensus/recover.ts";
import { initial, type State } from "../../src/consensus/state.ts";
import { step } from "../../src/consensus/step.ts";
import { ZERO_HASH, keccakHash, type Hash } from "../../src/crypto/hash.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as ClusterConfig from "../../src/protocol/ClusterConfig.ts";
import type { Committee } from "../../src/protocol/Committee.ts";
import * as Genesis from "../../src/protocol/Genesis.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import * as Proposal from "../../src/protocol/Proposal.ts";
import { CommitteeId, Epoch, Height, NO_COMMITTEE, ValidatorId, View } from "../../src/protocol/scalars.ts";
import type * as Vote from "../../src/protocol/Vote.ts";
import { expectPresent } from "../../src/runtime/assert.ts";

/**
 * Consensus nodes in memory without an engine: what the engine would perform is done here in the plainest way, with
 * signatures that are two bytes. Every delivery, timer, crash and answer is a call, so that a test decides the order.
 */

export type Body =
  | { readonly type: "proposal"; readonly proposal: Proposal.Proposal }
  | { readonly type: "vote"; readonly vote: Vote.SignedVote }
  | { readonly type: "certificate"; readonly certificate: Certificate.Certificate }
  | { readonly type: "want"; readonly want: Want }
  | { readonly type: "headers"; readonly headers: readonly Header.Header[] }
  | { readonly type: "handover"; readonly epoch: Epoch; readonly anchor: Anchor };

export interface Message {
  readonly from: number;
  readonly to: number;
  readonly body: Body;
  /** When a calm network delivers it. */
  readonly atMs: number;
}

export interface PendingTimer {
  readonly atMs: number;
  readonly timer: Timer;
}

export interface Node {
  readonly index: number;
  context: Context;
  /** Undefined while crashed. */
  state: State | undefined;
  journal: JournalRecord[];
  /** Records that survive a crash. */
  durable: number;
  timers: PendingTimer[];
  /** By height, as delivered by `finalized`. */
  finalized: Map<bigint, Hash>;
  anchors: Anchor[];
  handovers: Map<bigint, Anchor>;
  /** Answers that the test wants to give by hand. */
  held: Event[];
  evidence: Output[];
  /** Crash just before performing the next output of this type. */
  crashBefore: Output["type"] | undefined;
}

export interface Options {
  readonly members?: number;
  readonly weights?: readonly bigint[];
  readonly epochLength?: number;
  readonly voteWindow?: number;
  readonly observers?: number;
  /** Inputs of these kinds wait in `held` instead of being answered at once. */
  readonly hold?: (node: number, event: Event) => boolean;
  /** Called with every output performed, before it is. */
  readonly watch?: (node: number, output: Output) => void;
  readonly verdictOf?: (header: Header.Header) => "valid" | "invalid";
}

export interface Cluster {
  readonly options: Options;
  readonly config: ClusterConfig.ClusterConfig;
  readonly nodes: readonly Node[];
  network: Message[];
  nowMs: number;
}

const SIGNATURE_BYTES = 48;
/** Below Δ (100 ms), so that a calm network never runs into a timer. */
const LATENCY_MS = 10;

/** A stand-in signature: who, and whether it is good. */
export function signature(signer: number, isGood = true): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_BYTES);
  bytes[0] = signer;
  bytes[1] = isGood ? 1 : 0;
  return bytes;
}

export function isGood({ signer, signature: bytes }: Pick<Vote.SignedVote, "signer" | "signature">): boolean {
  return bytes[0] === signer && bytes[1] === 1;
}

export function configOf(options: Options): ClusterConfig.ClusterConfig {
  return ClusterConfig.parse({
    name: "test",
    l1ChainId: 1,
    genesisTimeMs: 1_000,
    epochLength: options.epochLength ?? 100,
    deltaMs: 100,
    emptyBlockDelayMs: 10,
    timeoutGrowthPercent: 150,
    timeoutMaxMs: 3_000,
    skipTimeoutMs: 2_000,
    maxClockDriftMs: 500,
    maxAnchorLag: 10,
    l1Finality: { mode: "finalized" },
    voteWindow: options.voteWindow ?? 4,
    inlinePayloadBytesMax: 0,
    shards: [],
    limits: { transactionBytesMax: 1_000, transactionsMax: 10, namespacesMax: 10, payloadBytesMax: 10_000 },
  });
}

export function committeeOf(options: Options, id: bigint): Committee {
  const weights = options.weights ?? Array.from({ length: options.members ?? 4 }, () => 65_535n);
  return {
    id: CommitteeId(id),
    members: weights.map((weight, seat) => ({
      validator: ValidatorId(BigInt(seat + 1)),
      seat,
      key: new Uint8Array(192).fill(seat),
      weight,
      transportKey: new Uint8Array(32).fill(seat),
      address: `/ip4/127.0.0.1/tcp/${String(4_000 + seat)}`,
    })),
    randomness: keccakHash(new TextEncoder().encode(`randomness ${String(id)}`)),
    createdNumber: 0n,
    createdAt: 0n,
  };
}

export function contextOf(options: Options, config: ClusterConfig.ClusterConfig, epoch: bigint, seat: number): Context {
  const committee = committeeOf(options, epoch);
  const isMember = seat < committee.members.length;
  return createContext({ epoch: Epoch(epoch), committee, seat: isMember ? seat : undefined, config });
}

export function genesisAnchor(config: ClusterConfig.ClusterConfig): Anchor {
  const header = Genesis.header(config);
  return { header, history: History.append(History.EMPTY, Header.hash(header)), certificate: undefined };
}

export function createCluster(options: Options): Cluster {
  const config = configOf(options);
  const anchor = genesisAnchor(config);
  const size = (options.weights?.length ?? options.members ?? 4) + (options.observers ?? 0);
  const nodes = Array.from({ length: size }, (_, index): Node => {
    const context = contextOf(options, config, 1n, index);
    return {
      index,
      context,
      state: initial(context, anchor),
      journal: [],
      durable: 0,
      timers: [],
      finalized: new Map(),
      anchors: [anchor],
      handovers: new Map([[0n, anchor]]),
      held: [],
      evidence: [],
      crashBefore: undefined,
    };
  });
  return { options, config, nodes, network: [], nowMs: 0 };
}

export function startAll(cluster: Cluster): void {
  for (const node of cluster.nodes) feed(cluster, node, { type: "start" });
}

/** One input to one node, and everything that follows from it inside that node. */
export function feed(cluster: Cluster, node: Node, event: Event): void {
  const events = [event];
  for (let next = events.shift(); next !== undefined; next = events.shift()) {
    if (node.state === undefined) return;
    if (next.type === "start-epoch") {
      node.context = contextOf(cluster.options, cluster.config, node.state.epoch + 1n, node.index);
    }
    const { state, outputs } = step(node.context, node.state, { ...next, nowMs: cluster.nowMs });
    node.state = state;
    for (const output of outputs) {
      if (node.crashBefore === output.type) {
        crash(node);
        return;
      }
      cluster.options.watch?.(node.index, output);
      for (const answer of perform(cluster, node, output)) {
        if (cluster.options.hold?.(node.index, answer) === true) node.held.push(answer);
        else events.push(answer);
      }
    }
  }
}

/** Gives the answers that were held back, if `wanted`. */
export function release(cluster: Cluster, node: Node, wanted: (event: Event) => boolean = () => true): void {
  const released = node.held.filter(wanted);
  node.held = node.held.filter((event) => !wanted(event));
  for (const event of released) feed(cluster, node, event);
}

export function crash(node: Node): void {
  node.state = undefined;
  node.journal.length = node.durable;
  node.timers = [];
  node.held = [];
  node.crashBefore = undefined;
}

/** Starts a crashed node from its journal, on the newest finalized block it has stored (or an older one). */
export function restart(cluster: Cluster, node: Node, anchorsBack = 0): void {
  const newest = expectPresent(node.anchors.at(-1), "an anchor");
  const candidate = node.anchors.at(-1 - anchorsBack);
  const isSameEpoch = candidate?.certificate?.vote.epoch === node.context.epoch;
  const anchor = candidate !== undefined && isSameEpoch ? candidate : newest;
  node.state = recover(node.context, anchor, node.journal);
  feed(cluster, node, { type: "start" });
}

/** Delivers a message that is in the network; the receiver may be down. */
export function deliver(cluster: Cluster, message: Message): void {
  const node = expectPresent(cluster.nodes[message.to], "the receiver");
  if (node.state === undefined) return;
  for (const event of eventsOf(cluster, node, node.state, message)) feed(cluster, node, event);
}

/** The next timer of any node that is up. */
export function nextTimer(cluster: Cluster): { readonly node: Node; readonly pending: PendingTimer } | undefined {
  let found: { node: Node; pending: PendingTimer } | undefined;
  for (const node of cluster.nodes) {
    for (const pending of node.timers) {
      if (found === undefined || pending.atMs < found.pending.atMs) found = { node, pending };
    }
  }
  return found;
}

/** Moves the clock to the next timer and fires it. */
export function fireNext(cluster: Cluster): void {
  const next = nextTimer(cluster);
  if (next === undefined) return;
  cluster.nowMs = Math.max(cluster.nowMs, next.pending.atMs);
  next.node.timers = next.node.timers.filter((pending) => pending !== next.pending);
  feed(cluster, next.node, { type: "timer", timer: next.pending.timer });
}

/** Lets time pass: timers fire and messages arrive when they are due. `isCut` messages are lost. */
export function pass(
  cluster: Cluster,
  ms: number,
  isCut: (message: Message) => boolean = () => false,
  isDone: () => boolean = () => false,
): void {
  const end = cluster.nowMs + ms;
  while (!isDone()) {
    const timer = nextTimer(cluster);
    const [first] = cluster.network;
    const message = cluster.network.reduce(
      (min, other) => (min === undefined || other.atMs < min.atMs ? other : min),
      first,
    );
    if (message !== undefined && message.atMs <= (timer?.pending.atMs ?? end) && message.atMs <= end) {
      cluster.nowMs = Math.max(cluster.nowMs, message.atMs);
      cluster.network.splice(cluster.network.indexOf(message), 1);
      if (!isCut(message)) deliver(cluster, message);
    } else if (timer !== undefined && timer.pending.atMs <= end) {
      fireNext(cluster);
    } else {
      cluster.nowMs = end;
      return;
    }
  }
}

export function send(cluster: Cluster, from: number, to: number, body: Body): void {
  cluster.network.push({ from, to, body, atMs: cluster.nowMs + LATENCY_MS });
}

export function broadcast(cluster: Cluster, from: number, body: Body): void {
  for (const node of cluster.nodes) if (node.index !== from) send(cluster, from, node.index, body);
}

function eventsOf(cluster: Cluster, node: Node, state: State, message: Message): Event[] {
  const { body, from: sender } = message;
  const from = `n${String(sender)}`;
  const ofEpoch = (epoch: Epoch, event: Event): Event[] =>
    epoch === state.epoch ? [event] : [{ type: "other-epoch", from, epoch }];
  switch (body.type) {
    case "proposal": {
      const { proposal } = body;
      const verified = Proposal.conclude(proposal, isGood(Proposal.vote(proposal)));
      return verified === undefined ? [] : ofEpoch(proposal.epoch, { type: "proposal", from, proposal: verified });
    }
    case "vote":
      if (body.vote.signer !== sender) return [];
      return ofEpoch(body.vote.vote.epoch, { type: "vote", from, vote: body.vote });
    case "certificate":
      return certificateEvents(from, body.certificate, ofEpoch);
    case "headers":
      return [{ type: "headers", from, headers: body.headers }];
    case "handover": {
      const { certificate, header } = body.anchor;
      if (certificate === undefined || body.epoch !== state.epoch) return [];
      return [
        { type: "certificate", from, certificate },
        { type: "headers", from, headers: [header] },
      ];
    }
    case "want":
      answerWant(cluster, node, state, sender, body.want);
      return [];
  }
}

function certificateEvents(
  from: string,
  certificate: Certificate.Certificate,
  ofEpoch: (epoch: Epoch, event: Event) => Event[],
): Event[] {
  const verdict = Certificate.conclude(certificate, certificate.signature[1] === 1);
  if (!verdict.ok) return [];
  return ofEpoch(certificate.vote.epoch, { type: "certificate", from, certificate: verdict.certificate });
}

function answerWant(cluster: Cluster, node: Node, state: State, to: number, want: Want): void {
  const reply = (body: Body): void => {
    send(cluster, node.index, to, body);
  };
  if (want.type === "handover") {
    const anchor = node.handovers.get(want.epoch);
    if (anchor !== undefined) reply({ type: "handover", epoch: want.epoch, anchor });
    return;
  }
  if (want.type === "view") {
    if (want.epoch !== state.epoch) return;
    const answer = answerView(state, want.view);
    for (const proposal of answer.proposals) reply({ type: "proposal", proposal });
    for (const certificate of answer.certificates) reply({ type: "certificate", certificate });
    const stored = node.anchors.find(({ certificate }) => certificate?.vote.view === want.view);
    const headers = stored === undefined ? answer.headers : [...answer.headers, stored.header];
    if (headers.length > 0) reply({ type: "headers", headers });
    return;
  }
  const headers = ancestorsFrom(node, state, want.block, want.above);
  if (headers.length > 0) reply({ type: "headers", headers });
}

function ancestorsFrom(node: Node, state: State, block: Hash, above: Height): Header.Header[] {
  const known = new Map<Hash, Header.Header>([...state.blocks].map(([hash, { header }]) => [hash, header]));
  for (const { header } of node.anchors) known.set(Header.hash(header), header);
  for (const header of storedHeaders(node)) known.set(Header.hash(header), header);
  const headers: Header.Header[] = [];
  for (let at = known.get(block); at !== undefined && at.height > above; at = known.get(at.parent)) headers.push(at);
  return headers;
}

const stores = new WeakMap<Node, Header.Header[]>();

export function storedHeaders(node: Node): Header.Header[] {
  const known = stores.get(node) ?? [];
  stores.set(node, known);
  return known;
}

function perform(cluster: Cluster, node: Node, output: Output): Event[] {
  switch (output.type) {
    case "persist":
      node.journal.push(output.record);
      if (output.sync) node.durable = node.journal.length;
      return [];
    case "sign": {
      const vote = { vote: output.vote, signer: node.index, signature: signature(node.index) };
      broadcast(cluster, node.index, { type: "vote", vote });
      return [{ type: "vote", from: SELF, vote }];
    }
    case "propose": {
      const { epoch, view, parentView, header } = output;
      const proposal = { epoch, view, parentView, header, leader: node.index, signature: signature(node.index) };
      broadcast(cluster, node.index, { type: "proposal", proposal });
      return [{ type: "vote", from: SELF, vote: Proposal.vote(proposal) }];
    }
    case "broadcast-certificate":
      broadcast(cluster, node.index, { type: "certificate", certificate: output.certificate });
      return [];
    case "send-handover": {
      const anchor = node.handovers.get(output.epoch);
      const to = Number(output.to.slice(1));
      if (anchor !== undefined) send(cluster, node.index, to, { type: "handover", epoch: output.epoch, anchor });
      return [];
    }
    case "set-timer":
      node.timers.push({ atMs: cluster.nowMs + output.delayMs, timer: output.timer });
      return [];
    case "fetch":
      send(cluster, node.index, output.seat, { type: "want", want: output.want });
      return [];
    case "build":
      return [{ type: "built", epoch: output.epoch, view: output.view, header: build(node.context, output) }];
    case "check":
      return [{ type: "checked", epoch: output.epoch, view: output.view, block: Header.hash(output.header) }];
    case "certify": {
      const verdict = cluster.options.verdictOf?.(output.header) ?? "valid";
      return [{ type: "certified", epoch: output.epoch, block: Header.hash(output.header), verdict }];
    }
    case "verify-votes": {
      const valid = output.votes.filter(isGood).map(({ signer }) => signer);
      const invalid = output.votes.filter((vote) => !isGood(vote)).map(({ signer }) => signer);
      const aggregate = valid.length === 0 ? undefined : signature(255);
      return [{ type: "votes-verified", vote: output.vote, valid, invalid, aggregate }];
    }
    case "verify-conflict": {
      const { vote, against } = output;
      const isAgainstValid = against.type === "certificate" || isGood(against.vote);
      return [{ type: "conflict-verified", vote, against, isVoteValid: isGood(vote), isAgainstValid }];
    }
    case "finalized":
      keepFinalized(node, output);
      return [];
    case "epoch-ended":
      return [{ type: "start-epoch" }];
    case "report-evidence":
    case "report-fork":
      node.evidence.push(output);
      return [];
    case "enter-view":
    case "reject":
      return [];
  }
}

function keepFinalized(node: Node, output: Extract<Output, { type: "finalized" }>): void {
  const base = expectPresent(
    node.anchors.findLast(({ header }) => header.height < (output.headers[0]?.height ?? 0n)),
    "a base",
  );
  let { history } = base;
  for (const header of output.headers) {
    history = History.append(history, Header.hash(header));
    node.finalized.set(header.height, Header.hash(header));
    storedHeaders(node).push(header);
  }
  const header = expectPresent(output.headers.at(-1), "a finalized block");
  const verdict = Certificate.conclude(output.certificate, true);
  if (!verdict.ok || !Certificate.isFinalization(verdict.certificate)) return;
  const anchor = { header, history, certificate: verdict.certificate };
  if (node.anchors.every((known) => known.header.height < header.height)) node.anchors.push(anchor);
  if (Header.isHandover(header)) node.handovers.set(header.epoch, anchor);
}

/** The plainest valid block. `salt` makes another one of the same place. */
export function build(context: Context, request: Extract<Output, { type: "build" }>, salt = ""): Header.Header {
  const { epoch, view, parent, history } = request;
  const height = Height(parent.height + 1n);
  const isHandover = height === context.handoverHeight;
  const content = keccakHash(new TextEncoder().encode(`payload ${String(epoch)} ${String(view)} ${salt}`));
  return {
    height,
    epoch,
    viewNumber: view,
    committee: context.committee.id,
    timestamp: parent.timestamp + 1n,
    parent: Header.hash(parent),
    history,
    payload: content,
    namespaces: ZERO_HASH,
    l1Number: parent.l1Number,
    l1Hash: parent.l1Hash,
    nextCommittee: isHandover ? CommitteeId(context.committee.id + 1n) : NO_COMMITTEE,
    proposer: context.seat ?? 0,
  };
}

/** A certificate as if the given members had signed. */
export function certificate(cluster: Cluster, vote: Vote.Vote, signers: readonly number[]): Certificate.Certificate {
  const votes = signers.map((signer) => ({ vote, signer, signature: signature(signer) }));
  const { members } = committeeOf(cluster.options, vote.epoch);
  const formed = Certificate.fromVotes(vote, votes, members.length, { aggregate: () => signature(255) });
  return expectPresent(formed, "a certificate");
}

/** The node that leads `view` of the epoch `node` is in. */
export function stateOf(node: Node): State {
  return expectPresent(node.state, `state of node ${String(node.index)}`);
}

export const view = (value: number | bigint): View => View(BigInt(value));
