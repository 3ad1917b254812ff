import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";
import { z } from "zod";

import { judge } from "../../src/consensus/ancestry.ts";
import { leaderOf } from "../../src/consensus/leader.ts";
import { mayFinalize, mayNotarize, mayNullify } from "../../src/consensus/safety.ts";
import { emptyRecord, type Block, type State, type ViewRecord } from "../../src/consensus/state.ts";
import type { Hash } from "../../src/crypto/hash.ts";
import * as Certificate from "../../src/protocol/Certificate.ts";
import * as Header from "../../src/protocol/Header.ts";
import * as History from "../../src/protocol/History.ts";
import type { View } from "../../src/protocol/scalars.ts";
import type * as Vote from "../../src/protocol/Vote.ts";
import { expectPresent } from "../../src/runtime/assert.ts";
import { build, view } from "./cluster.ts";
import { certify, solo, votes as votesOf, type Solo } from "./solo.ts";

/**
 * Replays traces of the formal model (docs/spec/model/votes.qnt, modules *Traced) on the implementation: in every state
 * of every trace, the votes that the model allows an honest seat are exactly those that `safety.ts` allows.
 */
const FOLDER = new URL("../../docs/spec/model/traces/", import.meta.url);

const traceSchema = z.object({
  states: z.array(
    z.object({
      votes: z.array(z.string()),
      certificates: z.array(z.string()),
      entered: z.array(z.int()),
      legal: z.array(z.string()),
    }),
  ),
});

type ModelState = z.infer<typeof traceSchema>["states"][number];
interface ModelBlock {
  readonly parent: number;
  readonly view: number;
  readonly valid: boolean;
}

/** The chains of the model, by name of the trace. */
const CHAINS: Readonly<Record<string, { readonly epochLength: number; readonly blocks: readonly ModelBlock[] }>> = {
  ordinary: {
    epochLength: 2,
    blocks: [
      { parent: 0, view: 1, valid: true },
      { parent: 0, view: 1, valid: true },
      { parent: 1, view: 2, valid: true },
      { parent: 0, view: 2, valid: true },
      { parent: 0, view: 3, valid: false },
    ],
  },
  handover: {
    epochLength: 1,
    blocks: [1, 2, 3].map((at) => ({ parent: 0, view: at, valid: true })),
  },
};

const HONEST = [0, 1, 2];
const VIEWS = [1, 2, 3];

/** The headers of a chain; index 0 is the block that began the epoch. */
interface World {
  readonly node: Solo;
  readonly headers: readonly Header.Header[];
  readonly blocks: ReadonlyMap<Hash, Block>;
}

function worldFor(name: string): World {
  const chain = expectPresent(CHAINS[name], name);
  const node = solo(0, { epochLength: chain.epochLength });
  const headers = [node.state.anchor.header];
  const histories = [node.state.anchor.history];
  const blocks = new Map<Hash, Block>();
  for (const [index, { parent, view: at, valid }] of chain.blocks.entries()) {
    const below = expectPresent(headers[parent], "the parent");
    const frontier = expectPresent(histories[parent], "the frontier of the parent");
    const header = headerFor(node, at, below, frontier, String(index));
    const history = History.append(frontier, Header.hash(header));
    headers.push(header);
    histories.push(history);
    const verdict = valid ? "valid" : "invalid";
    blocks.set(Header.hash(header), { header, history, verdict, isCertifying: true });
  }
  return { node, headers, blocks };
}

function headerFor(
  node: Solo,
  at: number,
  parent: Header.Header,
  frontier: History.History,
  salt: string,
): Header.Header {
  const context = { ...node.context, seat: leaderOf(node.context, view(at)) };
  const history = History.root(frontier);
  const request = {
    type: "build",
    epoch: context.epoch,
    view: view(at),
    parent,
    parentView: view(0),
    history,
  } as const;
  return build(context, request, salt);
}

/** What an honest seat of the implementation would know in a state of the model in which it heard of everything. */
function stateFor(world: World, model: ModelState, seat: number): State {
  const views = new Map<View, ViewRecord>();
  for (const at of VIEWS) views.set(view(at), recordFor(world, model, seat, at));
  return {
    ...world.node.state,
    view: view(expectPresent(model.entered[seat], "the seat's view")),
    views,
    blocks: world.blocks,
  };
}

function recordFor({ node, headers }: World, model: ModelState, seat: number, at: number): ViewRecord {
  const blockIn = (statements: readonly string[], prefix: string): Header.Header | undefined => {
    const found = statements.find((statement) => statement.startsWith(`${prefix} `));
    return found === undefined ? undefined : headers[Number(found.split(" ").at(-1))];
  };
  const own = (kind: Vote.VoteKind): Hash | undefined => {
    const header = blockIn(model.votes, `${String(seat)} ${kind} ${String(at)}`);
    return header === undefined ? undefined : Header.hash(header);
  };
  const notarized = blockIn(model.certificates, `notarize ${String(at)}`);
  const notarization = notarized === undefined ? undefined : certify(node, votesOf(node).notarize(at, notarized));
  const isNullified = model.certificates.includes(`nullify ${String(at)} -1`);
  const nullification = isNullified ? certify(node, votesOf(node).nullify(at)) : undefined;
  const nullify = model.votes.includes(`${String(seat)} nullify ${String(at)} -1`);
  return {
    ...emptyRecord(view(at)),
    own: { notarize: own("notarize"), nullify, finalize: own("finalize") },
    ...(notarization !== undefined && Certificate.isNotarization(notarization) ? { notarization } : {}),
    ...(nullification !== undefined && Certificate.isNullification(nullification) ? { nullification } : {}),
  };
}

/** The votes that `safety.ts` allows the seat, in the words of the model. */
function allowed(world: World, model: ModelState, seat: number): string[] {
  const state = stateFor(world, model, seat);
  const context = { ...world.node.context, seat };
  const found: string[] = [];
  for (const at of VIEWS) {
    if (mayNullify(context, state, view(at))) found.push([seat, "nullify", at, -1].join(" "));
    for (const [block, header] of world.headers.entries()) {
      if (block === 0) continue;
      const judgement = judge(context, state, view(at), header, view(0));
      if (mayNotarize(context, state, view(at), judgement)) found.push([seat, "notarize", at, block].join(" "));
      const mayFinal = mayFinalize(context, state, view(at), Header.hash(header), judgement);
      if (mayFinal) found.push([seat, "finalize", at, block].join(" "));
    }
  }
  return found.sort();
}

describe("the implementation against the formal model", () => {
  for (const file of readdirSync(FOLDER).sort()) {
    it(`SAFE-2, SAFE-3, SAFE-4, SAFE-5, HAND-1, HAND-2: allows what the model allows, and nothing else: ${file}`, () => {
      const world = worldFor(file.split("-")[0] ?? "");
      const { states } = traceSchema.parse(JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")));
      expect(states.length).toBeGreaterThan(1);
      for (const [index, model] of states.entries()) {
        for (const seat of HONEST) {
          const expected = model.legal.filter((vote) => vote.startsWith(`${String(seat)} `));
          expect(allowed(world, model, seat), `state ${String(index)}`).toEqual(expected.sort());
        }
      }
    });
  }
});
