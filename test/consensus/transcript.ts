import type { Event } from "../../src/consensus/input.ts";
import { leaderOf } from "../../src/consensus/leader.ts";
import type { JournalRecord, Output } from "../../src/consensus/output.ts";
import { isFault } from "../../src/consensus/rejection.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as Vote from "../../src/protocol/Vote.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import {
  build,
  contextOf,
  crash,
  createCluster,
  pass,
  release,
  restart,
  send,
  signature,
  startAll,
  stateOf,
  view,
  type Cluster,
  type Message,
  type Node,
} from "./cluster.ts";

/**
 * Replays a transcript: lines that begin with `> ` are commands, `#` lines are remarks, and under each command stands
 * what every node then did. The answer to a changed line is to understand what changed it.
 *
 *   cluster members=4 epochLength=100    a new network            leaders 6        who leads the first views
 *   start                                start every node         pass 50          let 50 ms pass (messages take 10)
 *   crash n1 | crash n1 before sign      now, or at an output     restart n1
 *   cut n0,n1 | heal                     lose what crosses        hold n1 certified | release n1
 *   equivocate n2                        its next proposal differs for the two highest other nodes
 *   invalid 3                            the block of view 3 fails certification
 *   vote n2 nullify 3 | vote n2 finalize 3 b1@1                   a vote that the node's core did not ask for
 */
export function replay(text: string): string {
  const scene: Scene = {
    cluster: createCluster({}),
    lines: [],
    names: new Map(),
    cut: new Set(),
    holds: new Set(),
    equivocator: undefined,
    invalidViews: new Set(),
  };
  const kept = text.split("\n").filter((line) => line.startsWith("#") || line.startsWith("> "));
  for (const line of kept) {
    if (line.startsWith("> ")) {
      scene.lines.push("", line);
      perform(scene, line.slice(2).split(" "));
    } else scene.lines.push(line);
  }
  return `${scene.lines.join("\n")}\n`;
}

interface Scene {
  cluster: Cluster;
  readonly lines: string[];
  readonly names: Map<Hash, string>;
  readonly cut: Set<number>;
  /** `<node> <event type>` whose answers are held back. */
  readonly holds: Set<string>;
  equivocator: number | undefined;
  readonly invalidViews: Set<bigint>;
}

function perform(scene: Scene, [command = "", ...words]: readonly string[]): void {
  const { cluster } = scene;
  const [first = "", second = "", third = "", fourth = ""] = words;
  switch (command) {
    case "cluster":
      scene.cluster = clusterFor(scene, words);
      return;
    case "leaders": {
      const context = contextOf(cluster.options, cluster.config, 1n, 0);
      const leaders = Array.from({ length: Number(first) }, (_, at) => `n${String(leaderOf(context, view(at + 1)))}`);
      scene.lines.push(`views 1 to ${first}: ${leaders.join(" ")}`);
      return;
    }
    case "start":
      startAll(cluster);
      return;
    case "pass":
      pass(cluster, Number(first), (message) => isLost(scene, message));
      return;
    case "crash":
      if (second === "before") nodeOf(scene, first).crashBefore = outputType(third);
      else crash(nodeOf(scene, first));
      return;
    case "restart":
      restart(cluster, nodeOf(scene, first));
      return;
    case "cut":
      for (const name of first.split(",")) scene.cut.add(Number(name.slice(1)));
      return;
    case "heal":
      scene.cut.clear();
      return;
    case "hold":
      scene.holds.add(`${first.slice(1)} ${second}`);
      return;
    case "release":
      for (const hold of scene.holds) if (hold.startsWith(`${first.slice(1)} `)) scene.holds.delete(hold);
      release(cluster, nodeOf(scene, first));
      return;
    case "equivocate":
      scene.equivocator = Number(first.slice(1));
      return;
    case "invalid":
      scene.invalidViews.add(BigInt(first));
      return;
    case "vote":
      castForeign(scene, nodeOf(scene, first), second, BigInt(third), fourth);
      return;
    default:
      throw new Error(`unknown command: ${command}`);
  }
}

function clusterFor(scene: Scene, words: readonly string[]): Cluster {
  const given = new Map(words.map((word) => [word.split("=")[0], Number(word.split("=")[1])]));
  return createCluster({
    members: given.get("members") ?? 4,
    epochLength: given.get("epochLength") ?? 100,
    hold: (node: number, event: Event) => scene.holds.has(`${String(node)} ${event.type}`),
    watch: (node: number, output: Output) => {
      if (output.type === "propose" && scene.equivocator === node) equivocate(scene, node, output);
      const line = describeOutput(scene, output);
      if (line !== undefined) scene.lines.push(`${String(scene.cluster.nowMs).padStart(6)} n${String(node)} ${line}`);
    },
    verdictOf: (header: Header.Header) => (scene.invalidViews.has(header.viewNumber) ? "invalid" : "valid"),
  });
}

function nodeOf(scene: Scene, name: string): Node {
  return expectPresent(scene.cluster.nodes[Number(name.slice(1))], name);
}

function outputType(name: string): Output["type"] {
  if (name === "sign" || name === "propose" || name === "persist" || name === "finalized") return name;
  throw new Error(`cannot crash before ${name}`);
}

function isLost(scene: Scene, { from, to }: Message): boolean {
  return scene.cut.has(from) !== scene.cut.has(to);
}

/** The two highest other nodes get another block first; what the core then sends comes second. */
function equivocate(scene: Scene, index: number, output: Extract<Output, { type: "propose" }>): void {
  const { cluster } = scene;
  scene.equivocator = undefined;
  const node = nodeOf(scene, `n${String(index)}`);
  const parent = stateOf(node).blocks.get(output.header.parent)?.header ?? stateOf(node).anchor.header;
  const request = { ...output, type: "build", parent, history: output.header.history } as const;
  const other = build(node.context, request, "other");
  const { epoch, parentView } = output;
  const proposal = { epoch, view: output.view, parentView, header: other, leader: index, signature: signature(index) };
  nameOf(scene, Header.hash(output.header), output.header);
  scene.lines.push(`       n${String(index)} proposes ${nameOf(scene, Header.hash(other), other)} to some`);
  const others = cluster.nodes.filter((known) => known.index !== index).slice(-2);
  for (const { index: to } of others) send(cluster, index, to, { type: "proposal", proposal });
}

function castForeign(scene: Scene, node: Node, kind: string, at: bigint, name: string): void {
  const { epoch } = stateOf(node);
  const named = [...scene.names].find(([, known]) => known === name);
  const statement =
    kind === "nullify"
      ? Vote.nullify(epoch, view(at))
      : foreignFor(kind)(epoch, view(at), expectPresent(named, name)[0]);
  const vote = { vote: statement, signer: node.index, signature: signature(node.index) };
  for (const { index: to } of scene.cluster.nodes) {
    if (to !== node.index) send(scene.cluster, node.index, to, { type: "vote", vote });
  }
}

const foreignFor = (kind: string): typeof Vote.finalize => (kind === "finalize" ? Vote.finalize : Vote.notarize);

function describeOutput(scene: Scene, output: Output): string | undefined {
  switch (output.type) {
    case "enter-view":
      return `enters view ${String(output.view)}, led by n${String(output.leader)}`;
    case "persist":
      return describeRecord(scene, output.record);
    case "sign":
      return `sends ${describeVote(scene, output.vote)}`;
    case "propose":
      return `proposes ${nameOf(scene, Header.hash(output.header), output.header)} in view ${String(output.view)} on view ${String(output.parentView)}`;
    case "broadcast-certificate":
      return `sends certificate: ${describeVote(scene, output.certificate.vote)}`;
    case "finalized":
      return `finalizes ${output.headers.map((header) => nameOf(scene, Header.hash(header), header)).join(", ")}`;
    case "epoch-ended":
      return `ends epoch ${String(output.epoch)}`;
    case "fetch":
      return `asks n${String(output.seat)} for ${output.want.type === "view" ? `view ${String(output.want.view)}` : output.want.type}`;
    case "report-evidence":
      return `reports ${output.offence}: ${describeMessage(scene, output.evidence.first.message)} / ${describeMessage(scene, output.evidence.second.message)}`;
    case "report-fork":
      return "reports a fork";
    case "reject":
      return isFault(output.rejection) ? `refuses: ${output.rejection.code}` : undefined;
    case "send-handover":
      return `answers ${output.to} with the handover of epoch ${String(output.epoch)}`;
    case "set-timer":
    case "build":
    case "check":
    case "certify":
    case "verify-votes":
    case "verify-conflict":
      return undefined;
  }
}

function describeRecord(scene: Scene, record: JournalRecord): string | undefined {
  return record.type === "vote" ? `journals ${describeVote(scene, record.vote)}` : undefined;
}

function describeMessage(scene: Scene, message: { readonly kind: string }): string {
  const vote = message as Vote.Vote;
  return describeVote(scene, vote);
}

function describeVote(scene: Scene, vote: Vote.Vote): string {
  const block = Vote.block(vote);
  return `${vote.kind} ${String(vote.view)}${block === undefined ? "" : ` ${nameOf(scene, block, undefined)}`}`;
}

/** `b2@3`: the block of height 2 built in view 3; a second such gets a prime. */
function nameOf(scene: Scene, hash: Hash, header: Header.Header | undefined): string {
  const known = scene.names.get(hash);
  if (known !== undefined) return known;
  const found = header ?? headerIn(scene.cluster, hash);
  if (found === undefined) return hash.slice(0, 8);
  let name = `b${String(found.height)}@${String(found.viewNumber)}`;
  while ([...scene.names.values()].includes(name)) name += "'";
  scene.names.set(hash, name);
  return name;
}

function headerIn(cluster: Cluster, hash: Hash): Header.Header | undefined {
  for (const { state } of cluster.nodes) {
    const header = state?.blocks.get(hash)?.header;
    if (header !== undefined) return header;
  }
  return undefined;
}
