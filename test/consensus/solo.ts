import type { Context } from "../../src/consensus/context.ts";
import type { Event } from "../../src/consensus/input.ts";
import { leaderOf } from "../../src/consensus/leader.ts";
import type { Output } from "../../src/consensus/output.ts";
import { initial, type State } from "../../src/consensus/state.ts";
import { step } from "../../src/consensus/step.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Committee from "../../src/protocol/Committee.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import * as Proposal from "../../src/protocol/Proposal.ts";
import { View } from "../../src/protocol/scalars.ts";
import type { Verified } from "../../src/protocol/Verified.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { assert, expectPresent } from "../../src/runtime/assert.ts";
import { build, configOf, contextOf, genesisAnchor, signature, view, type Options } from "./cluster.ts";

/** One core by itself: every input by hand, every output looked at. */
export interface Solo {
  readonly context: Context;
  state: State;
  nowMs: number;
}

/** The first seat that leads none of the first `quiet` views: proposals come to it from others. */
export function follower(options: Options = {}, quiet = 3): Solo {
  const context = contextOf(options, configOf(options), 1n, 0);
  const leaders = new Set(Array.from({ length: quiet }, (_, at) => leaderOf(context, view(at + 1))));
  return solo(
    context.committee.members.findIndex((_, seat) => !leaders.has(seat)),
    options,
  );
}

/** The seat that leads view 1. */
export function firstLeader(options: Options = {}): Solo {
  const context = contextOf(options, configOf(options), 1n, 0);
  return solo(leaderOf(context, view(1)), options);
}

export function solo(seat: number, options: Options = {}): Solo {
  const config = configOf(options);
  const context = contextOf(options, config, 1n, seat);
  const created: Solo = { context, state: initial(context, genesisAnchor(config)), nowMs: 0 };
  put(created, { type: "start" });
  return created;
}

export function put(node: Solo, event: Event): readonly Output[] {
  const { state, outputs } = step(node.context, node.state, { ...event, nowMs: node.nowMs });
  node.state = state;
  return outputs;
}

/** A valid block for `at` on `parent` (the anchor if not given). */
export function child(node: Solo, at: number, parent?: Header.Header, salt?: string): Header.Header {
  const below = parent ?? node.state.anchor.header;
  const context = { ...node.context, seat: leaderOf(node.context, view(at)) };
  return build(
    context,
    {
      type: "build",
      epoch: node.context.epoch,
      view: view(at),
      parent: below,
      parentView: view(0),
      history: History.root(historyThrough(node, below)),
    },
    salt,
  );
}

const histories = new WeakMap<Header.Header, History.History>();

function historyThrough(node: Solo, header: Header.Header): History.History {
  if (header.height === 0n) return genesisAnchor(node.context.config).history;
  const known = histories.get(header) ?? node.state.blocks.get(Header.hash(header))?.history;
  return expectPresent(
    known ?? (node.state.anchor.header === header ? node.state.anchor.history : undefined),
    "frontier",
  );
}

export function propose(node: Solo, at: number, header: Header.Header, parentView = 0): readonly Output[] {
  return put(node, { type: "proposal", from: "peer", proposal: proposalOf(node, at, header, parentView) });
}

export function proposalOf(node: Solo, at: number, header: Header.Header, parentView = 0): Verified<Proposal.Proposal> {
  const leader = leaderOf(node.context, view(at));
  const proposal: Proposal.Proposal = {
    epoch: node.context.epoch,
    view: view(at),
    header,
    parentView: view(parentView),
    leader,
    signature: signature(leader),
  };
  return expectPresent(Proposal.conclude(proposal, true), "a proposal");
}

/** A verified certificate signed by the first members that make a quorum, or by `signers`. */
export function certify(node: Solo, vote: Vote.Vote, signers?: readonly number[]): Verified<Certificate.Certificate> {
  const { members } = node.context.committee;
  const present = signers ?? quorumOf(node);
  const absent = Committee.absentBitmap(members.length, new Set(present));
  const verdict = Certificate.conclude({ vote, absent, signature: signature(255) }, true);
  assert(verdict.ok, "a test certificate");
  return verdict.certificate;
}

function quorumOf(node: Solo): number[] {
  const present: number[] = [];
  let weight = 0n;
  for (const [index, member] of node.context.committee.members.entries()) {
    if (weight >= node.context.quorum) break;
    present.push(index);
    weight += member.weight;
  }
  return present;
}

export function giveCertificate(node: Solo, vote: Vote.Vote, signers?: readonly number[]): readonly Output[] {
  return put(node, { type: "certificate", from: "peer", certificate: certify(node, vote, signers) });
}

export function giveVote(node: Solo, vote: Vote.Vote, signer: number, isGood = true): readonly Output[] {
  return put(node, { type: "vote", from: "peer", vote: { vote, signer, signature: signature(signer, isGood) } });
}

export function fire(node: Solo, kind: "leader" | "advance" | "retry", at: number): readonly Output[] {
  return put(node, { type: "timer", timer: { kind, epoch: node.context.epoch, view: view(at) } });
}

export function passCheck(node: Solo, at: number, header: Header.Header): readonly Output[] {
  return put(node, { type: "checked", epoch: node.context.epoch, view: view(at), block: Header.hash(header) });
}

export function giveVerdict(node: Solo, block: Hash, verdict: "valid" | "invalid"): readonly Output[] {
  return put(node, { type: "certified", epoch: node.context.epoch, block, verdict });
}

/** The node sees a whole view succeed: proposal, own vote, notarization, certification, entry into the next view. */
export function succeed(node: Solo, at: number, header: Header.Header, parentView = 0): readonly Output[] {
  const outputs = [...propose(node, at, header, parentView), ...passCheck(node, at, header)];
  outputs.push(...giveCertificate(node, votes(node).notarize(at, header)));
  outputs.push(...giveVerdict(node, Header.hash(header), "valid"));
  return outputs;
}

/** Votes of this node's epoch. */
export function votes(node: Solo): {
  readonly notarize: (at: number, header: Header.Header) => Vote.Vote;
  readonly nullify: (at: number) => Vote.Vote;
  readonly finalize: (at: number, header: Header.Header) => Vote.Vote;
} {
  const { epoch } = node.context;
  return {
    notarize: (at, header) => Vote.notarize(epoch, View(BigInt(at)), Header.hash(header)),
    nullify: (at) => Vote.nullify(epoch, View(BigInt(at))),
    finalize: (at, header) => Vote.finalize(epoch, View(BigInt(at)), Header.hash(header)),
  };
}

/** What was signed, in words: `notarize 1`, `nullify 2`. */
export function signed(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => {
    if (output.type === "sign") return [`${output.vote.kind} ${String(output.vote.view)}`];
    return output.type === "propose" ? [`propose ${String(output.view)}`] : [];
  });
}

export function ofType<T extends Output["type"]>(outputs: readonly Output[], type: T): Extract<Output, { type: T }>[] {
  return outputs.filter((output): output is Extract<Output, { type: T }> => output.type === type);
}

/** Codes of what was refused. */
export function refusals(outputs: readonly Output[]): string[] {
  return ofType(outputs, "reject").map(({ rejection }) => rejection.code);
}
