import type { Hash } from "../crypto/hash.ts";
import { keccakHash } from "../crypto/hash.ts";
import type { NamespaceBlock } from "../lightclient/confirmation.ts";
import * as Confirmation from "../lightclient/confirmation.ts";
import type { FinalizedHeader } from "../lightclient/finalizedHeader.ts";
import * as Header from "../protocol/Header.ts";
import { Height, type NamespaceId } from "../protocol/scalars.ts";
import * as Transaction from "../protocol/Transaction.ts";
import type { Clock } from "../runtime/clock.ts";
import type { NamespaceContent, NamespaceTransaction, VerifiedBlock } from "./client.ts";
import * as Endpoints from "./endpoints.ts";
import { isPassing, VerificationError } from "./errors.ts";
import type { TipBell } from "./tip.ts";
import type { Transport } from "./transport.ts";
import { requireProven, type Trust } from "./trust.ts";

/** What following needs. */
export interface Follower {
  readonly transport: Transport;
  readonly trust: Trust;
  readonly openBell: () => TipBell;
  readonly clock: Clock;
  /** How long an iteration waits for an endpoint to be there again. */
  readonly outageTimeoutMs: number;
}

/** Where an iteration stands: the next height, and the hash that its parent must have. */
interface Cursor {
  height: Height;
  parent: Hash | undefined;
}

/**
 * SDK-4: a follower sees every block from `from` on, each with all of its namespace: heights without gaps, each block
 * the parent of the next, the last one proven final, each namespace proven whole or absent.
 */
export async function* followNamespace(
  follower: Follower,
  namespace: NamespaceId,
  from: Height,
  signal?: AbortSignal,
): AsyncGenerator<NamespaceContent, void, undefined> {
  yield* pages(follower, from, signal, (cursor) => askNamespace(follower, namespace, cursor, signal));
}

/** SDK-5: the same for whole headers, without any namespace. */
export async function* followBlocks(
  follower: Follower,
  from: Height,
  signal?: AbortSignal,
): AsyncGenerator<VerifiedBlock, void, undefined> {
  yield* pages(follower, from, signal, (cursor) => askBlocks(follower, cursor, signal));
}

async function* pages<T extends VerifiedBlock>(
  follower: Follower,
  from: Height,
  signal: AbortSignal | undefined,
  ask: (cursor: Cursor) => Promise<readonly T[]>,
): AsyncGenerator<T, void, undefined> {
  const cursor: Cursor = { height: from, parent: undefined };
  const bell = follower.openBell();
  const unlessAway = outageTolerance<T>(follower, signal);
  try {
    while (signal?.aborted !== true) {
      const page = await unlessAway(ask(cursor));
      for (const block of page) {
        yield block;
        cursor.height = Height(block.header.height + 1n);
        cursor.parent = block.hash;
      }
      if (page.length === 0) await bell.wait(cursor.height, signal);
    }
  } finally {
    bell.close();
  }
}

/**
 * SDK-9: an iteration survives that no endpoint is there, for as long as is allowed: it sees an empty page meanwhile.
 * What an endpoint says falsely ends it at once.
 */
function outageTolerance<T>(
  { clock, outageTimeoutMs }: Follower,
  signal: AbortSignal | undefined,
): (page: Promise<readonly T[]>) => Promise<readonly T[]> {
  let since: number | undefined;
  return async (page) => {
    try {
      const answered = await page;
      since = undefined;
      return answered;
    } catch (error) {
      if (signal?.aborted === true) return [];
      since ??= clock.monotonicMs();
      if (!isPassing(error) || clock.monotonicMs() - since >= outageTimeoutMs) throw error;
      return [];
    }
  };
}

function askNamespace(
  { transport, trust }: Follower,
  namespace: NamespaceId,
  cursor: Cursor,
  signal: AbortSignal | undefined,
): Promise<NamespaceContent[]> {
  const ask = (anchor: Endpoints.Anchor): Promise<NamespaceContent[]> => {
    const { request, schema } = Endpoints.namespaceBlocks(namespace, cursor.height, anchor);
    return transport.ask(
      request,
      schema,
      async ({ blocks, finalized, history }, endpoint) => {
        const last = blocks.at(-1);
        if (last === undefined) return [];
        requireLinked(blocks, cursor, endpoint);
        for (const block of blocks) requireProven(Confirmation.verifyWhole(block, namespace), endpoint);
        if (finalized === undefined) throw unproven(last.header, blocks.length, endpoint);
        await trust.block({ header: last.header, finalized, ...(history !== undefined && { history }) }, endpoint);
        return blocks.map((block) => contentOf(namespace, block, finalized));
      },
      signal,
    );
  };
  return withFreshAnchor(ask);
}

function askBlocks(
  follower: Follower,
  cursor: Cursor,
  signal: AbortSignal | undefined,
): Promise<readonly VerifiedBlock[]> {
  const { request, schema } = Endpoints.blocks(cursor.height);
  return follower.transport.ask(
    request,
    schema,
    async ({ blocks }, endpoint) => {
      const last = blocks.at(-1);
      if (last === undefined) return [];
      requireLinked(blocks, cursor, endpoint);
      const finalized = await proveHeader(follower, last.header, signal);
      return blocks.map(({ header }) => ({ hash: Header.hash(header), header, finalized }));
    },
    signal,
  );
}

/** Proves a header final with whatever finalization an endpoint has at or above it. */
export function proveHeader(
  { transport, trust }: Pick<Follower, "transport" | "trust">,
  header: Header.Header,
  signal?: AbortSignal,
): Promise<FinalizedHeader> {
  const ask = (anchor: Endpoints.Anchor): Promise<FinalizedHeader> => {
    const kind = anchor === "nearest" ? "at-or-above" : "latest";
    const { request, schema } = Endpoints.finalization({ kind, height: header.height });
    return transport.ask(
      request,
      schema,
      async (finalized, endpoint) => {
        const isSame = finalized.header.height === header.height;
        const history = isSame ? undefined : await historyPath(transport, header, finalized, signal);
        await trust.block({ header, finalized, ...(history !== undefined && { history }) }, endpoint);
        return finalized;
      },
      signal,
    );
  };
  return withFreshAnchor(ask);
}

function historyPath(
  transport: Transport,
  header: Header.Header,
  finalized: FinalizedHeader,
  signal: AbortSignal | undefined,
): Promise<readonly Hash[]> {
  const { request, schema } = Endpoints.historyProof(header.height, finalized.header.height);
  return transport.ask(request, schema, ({ path }) => path, signal);
}

/** SDK-6: where the nearest committee is too old to be trusted, the newest finalization has to prove the block. */
export async function withFreshAnchor<T>(ask: (anchor: Endpoints.Anchor) => Promise<T>): Promise<T> {
  try {
    return await ask("nearest");
  } catch (error) {
    if (!(error instanceof VerificationError) || error.fault.code !== "committee-not-trusted") throw error;
    return ask("latest");
  }
}

function requireLinked(blocks: readonly { readonly header: Header.Header }[], cursor: Cursor, endpoint: string): void {
  let { height: expected, parent } = cursor;
  for (const { header } of blocks) {
    if (header.height !== expected)
      throw new VerificationError(endpoint, { code: "gap", expected, given: header.height });
    if (parent !== undefined && header.parent !== parent) {
      throw new VerificationError(endpoint, { code: "not-the-parent", height: header.height });
    }
    parent = Header.hash(header);
    expected = Height(expected + 1n);
  }
}

function unproven(header: Header.Header, blocks: number, endpoint: string): VerificationError {
  return new VerificationError(endpoint, { code: "unproven", height: header.height, blocks });
}

function contentOf(namespace: NamespaceId, block: NamespaceBlock, finalized: FinalizedHeader): NamespaceContent {
  const { header, envelopes } = block;
  const transactions = envelopes.map(transactionOf);
  return { hash: Header.hash(header), header, finalized, namespace, transactions, proof: block.proof };
}

function transactionOf(envelope: Uint8Array, index: number): NamespaceTransaction {
  const opened = Transaction.open(envelope);
  const hash = keccakHash(envelope);
  // A finalized block holds no envelope that does not open: its validators checked that before they voted.
  if (!opened.ok) return { hash, index, envelope, data: new Uint8Array(0) };
  const { data } = opened.envelope;
  return { hash, index, envelope, data, ...(opened.envelope.kind === "part" && { bundle: opened.envelope.bundle }) };
}
