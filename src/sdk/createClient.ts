import type * as z from "zod";

import { createMclBls } from "../crypto/blsMcl.ts";
import type { Hash } from "../crypto/hash.ts";
import { keccakHash } from "../crypto/hash.ts";
import * as Confirmation from "../lightclient/confirmation.ts";
import { Height, type NamespaceId } from "../protocol/scalars.ts";
import { assert } from "../runtime/assert.ts";
import { systemClock } from "../runtime/clock.ts";
import { defaultClientLimits, type Client, type ClientLimits, type ClientOptions, type WaitOptions } from "./client.ts";
import { cachedCommittees } from "./committees.ts";
import * as Endpoints from "./endpoints.ts";
import { isPassing, ProblemError, TimeoutError, VerificationError } from "./errors.ts";
import { signEthereum } from "./ethereum.ts";
import { followBlocks, followNamespace, withFreshAnchor, type Follower } from "./follow.ts";
import * as L1Proof from "./l1Proof.ts";
import { submit, submitBundle, type Submitter } from "./submit.ts";
import { createTipBell, type OpenStream } from "./tip.ts";
import { createTransport, type Fetch, type Transport } from "./transport.ts";
import { createTrust, requireProven } from "./trust.ts";

/** Endpoints that one client asks. */
export const ENDPOINTS_MAX = 64;

/** Answers that mean "not now" rather than "no". */
const NOT_FINAL: ReadonlySet<string> = new Set(["unknown-transaction", "transaction-pending"]);
const ABSENT: ReadonlySet<string> = new Set(["unknown-finalization", "unknown-handover", "unknown-committee"]);

const globalFetch: Fetch = (url, init) => globalThis.fetch(url, init);

function globalStream(): OpenStream | undefined {
  const { WebSocket } = globalThis;
  return typeof WebSocket === "undefined" ? undefined : (url) => new WebSocket(url);
}

/** Connects nothing yet: the first call does. */
export async function createClient(options: ClientOptions): Promise<Client> {
  const { endpoints, network } = options;
  const withinBounds = endpoints.length > 0 && endpoints.length <= ENDPOINTS_MAX;
  assert(withinBounds, `a client needs 1 to ${String(ENDPOINTS_MAX)} endpoints, not ${String(endpoints.length)}`);
  const limits = { ...defaultClientLimits, ...options.limits };
  const clock = options.clock ?? systemClock;
  const transport = createTransport({ ...limits, endpoints, fetch: options.fetch ?? globalFetch });
  const trust = createTrust({
    domain: { chainId: network.l1ChainId, stakeTable: network.stakeTable, salt: network.genesisHash },
    epochLength: network.epochLength,
    committees: cachedCommittees(options.committees, clock, limits.trustAgeMs),
    bls: options.bls ?? (await createMclBls()),
    nowMs: () => clock.wallMs(),
  });
  const openStream = options.openStream === null ? undefined : (options.openStream ?? globalStream());
  const openBell = () => createTipBell({ endpoints, openStream, clock, pollMs: limits.pollMs });
  return assemble({ transport, trust, openBell, clock, outageTimeoutMs: limits.outageTimeoutMs, limits });
}

interface Parts extends Follower {
  readonly limits: ClientLimits;
}

function assemble(parts: Parts): Client {
  const { transport, clock, limits } = parts;
  const submitter: Submitter = { transport, clock, timeoutMs: limits.submitTimeoutMs };

  async function startOf(from: Height | undefined): Promise<Height> {
    return from ?? Height((await ask(transport, Endpoints.status())).height + 1n);
  }

  return {
    submit: (namespace, data) => submit(submitter, namespace, data),
    submitEthereum: async (signer, transaction) => {
      const { namespace, data } = await signEthereum(signer, transaction);
      return submit(submitter, namespace, data);
    },
    submitBundle: (bundleParts) => submitBundle(submitter, bundleParts),
    waitForFinality: (namespace, hash, options) => waitForFinality(parts, namespace, hash, options),
    confirmation: (namespace, hash) => confirmation(parts, namespace, hash),
    bundleConfirmation: (namespace, hash) => bundleConfirmation(parts, namespace, hash),
    follow: async function* (namespace, { from, signal } = {}) {
      yield* followNamespace(parts, namespace, await startOf(from), signal);
    },
    watch: async function* ({ from, signal } = {}) {
      yield* followBlocks(parts, await startOf(from), signal);
    },
    proveTransaction: (confirmed, checkpoints) => L1Proof.proveTransaction(transport, confirmed, checkpoints),
    proveBundle: (confirmed, checkpoints) => L1Proof.proveBundle(transport, confirmed, checkpoints),
    proveNamespace: (content, checkpoints) => L1Proof.proveNamespace(transport, content, checkpoints),
    status: () => ask(transport, Endpoints.status()),
    transaction: (namespace, hash) => ask(transport, Endpoints.transaction(namespace, hash)),
    finalization: (query) => unless(ABSENT, ask(transport, Endpoints.finalization(query))),
    handover: (epoch) => unless(ABSENT, ask(transport, Endpoints.handover(epoch))),
    handovers: (query) => ask(transport, Endpoints.handovers(query)),
    committee: (id) => unless(ABSENT, ask(transport, Endpoints.committee(id))),
    evidence: (from) => ask(transport, Endpoints.evidence(from)),
  };
}

/** An endpoint's word. */
function ask<S extends z.ZodType>(
  transport: Transport,
  { request, schema }: Endpoints.Question<S>,
): Promise<z.output<S>> {
  return transport.ask(request, schema, (answer) => answer);
}

/** `undefined` where every endpoint refuses with one of `codes`. */
async function unless<T>(codes: ReadonlySet<string>, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProblemError && codes.has(error.code)) return undefined;
    throw error;
  }
}

function confirmation(
  { transport, trust }: Follower,
  namespace: NamespaceId,
  transaction: Hash,
  signal?: AbortSignal,
): Promise<Confirmation.Confirmation | undefined> {
  const verified = withFreshAnchor((anchor) => {
    const { request, schema } = Endpoints.confirmation(namespace, transaction, anchor);
    return transport.ask(
      request,
      schema,
      async (given, endpoint) => {
        const hash = keccakHash(given.envelope);
        if (hash !== transaction) {
          throw new VerificationError(endpoint, { code: "wrong-transaction", given: hash, expected: transaction });
        }
        requireProven(Confirmation.verifyInclusion(given.header, namespace, given), endpoint);
        await trust.block(given, endpoint);
        return given;
      },
      signal,
    );
  });
  return unless(NOT_FINAL, verified);
}

function bundleConfirmation(
  { transport, trust }: Follower,
  namespace: NamespaceId,
  transaction: Hash,
): Promise<Confirmation.BundleConfirmation | undefined> {
  const verified = withFreshAnchor((anchor) => {
    const { request, schema } = Endpoints.bundleConfirmation(namespace, transaction, anchor);
    return transport.ask(request, schema, async (given, endpoint) => {
      const asked = given.parts.some(
        (part) => part.namespace.entry.namespace === namespace && keccakHash(part.envelope) === transaction,
      );
      if (!asked) {
        throw new VerificationError(endpoint, {
          code: "wrong-bundle",
          bundle: given.bundle,
          parts: given.parts.length,
        });
      }
      requireProven(Confirmation.verifyBundle(given), endpoint);
      await trust.block(given, endpoint);
      return given;
    });
  });
  return unless(NOT_FINAL, verified);
}

/** The newest height an endpoint knows; 0 where none is there: it only says where the stream begins. */
async function heightNow(transport: Transport, signal: AbortSignal): Promise<Height> {
  const { request, schema } = Endpoints.status();
  return (await unlessPassing(transport.ask(request, schema, ({ height }) => height, signal))) ?? Height(0n);
}

/** `undefined` where nobody is there or ready now. */
async function unlessPassing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

async function waitForFinality(
  parts: Parts,
  namespace: NamespaceId,
  transaction: Hash,
  { signal, timeoutMs = parts.limits.finalityTimeoutMs }: WaitOptions = {},
): Promise<Confirmation.Confirmation> {
  const timeout = new AbortController();
  const cancel = parts.clock.setTimer(timeoutMs, () => {
    timeout.abort(new TimeoutError(`finality of ${transaction}`, timeoutMs));
  });
  const either = signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]);
  const bell = parts.openBell();
  try {
    for (let next = await heightNow(parts.transport, either); ; next = Height(next + 1n)) {
      const found = await unlessPassing(confirmation(parts, namespace, transaction, either));
      if (found !== undefined) return found;
      await bell.wait(next, either);
      either.throwIfAborted();
    }
  } finally {
    cancel();
    bell.close();
  }
}
