import type * as z from "zod";

import type { FinalizedHeader } from "../src/lightclient/finalizedHeader.ts";
import { isInHistory } from "../src/lightclient/halt.ts";
import { toHex } from "../src/codec/hex.ts";
import * as Header from "../src/protocol/Header.ts";
import { Epoch } from "../src/protocol/scalars.ts";
import type { Logger } from "../src/runtime/logger.ts";
import * as Questions from "../src/sdk/endpoints.ts";
import { EndpointsError, ProblemError } from "../src/sdk/errors.ts";
import { createTransport, type Transport } from "../src/sdk/transport.ts";
import type { Sequencer } from "./sequencer.ts";

export interface NodesOptions {
  readonly urls: readonly string[];
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/** Longest answer taken from a node, bytes: a page of evidence is far below. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Pages of handovers read in one go. */
const HANDOVER_PAGES_MAX = 64;

interface Node {
  readonly logger: Logger;
  readonly url: string;
  readonly transport: Transport;
  reachable: boolean;
}

/** Names one finalization, certificate included: of the same block a liar may give a worthless one. */
export function finalizationKey({ header, certificate }: FinalizedHeader): string {
  return `${Header.hash(header)} ${toHex(certificate.signature)}`;
}

/** SOURCE-1: every node is asked, as one that lags or lies must not decide what is newest. */
export function createNodes(options: NodesOptions): Sequencer {
  const { logger } = options;
  const nodes: readonly Node[] = options.urls.map((url) => ({
    logger,
    url: new URL(url).origin,
    transport: createTransport({
      endpoints: [url],
      fetch: (address, init) => fetch(address, init),
      requestTimeoutMs: options.timeoutMs,
      answerBytesMax: ANSWER_BYTES_MAX,
    }),
    reachable: true,
  }));

  /** Asks all; rejects only when not one answered. */
  async function askAll<T>(question: (node: Node) => Promise<T>): Promise<readonly T[]> {
    const settled = await Promise.allSettled(nodes.map(question));
    const answers = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    if (answers.length > 0) return answers;
    throw new EndpointsError(nodes.map(({ url }) => ({ endpoint: url, reason: "does not answer" })));
  }

  return {
    newest: async () => {
      const answers = await askAll((node) => ask(node, Questions.finalization({ kind: "latest" })));
      return unique(answers).sort((a, b) => (a.header.height < b.header.height ? 1 : -1));
    },
    changes: async (committee, epoch) => unique(await askAll((node) => changeOn(node, committee, epoch))),
    handover: async (epoch) => unique(await askAll((node) => ask(node, Questions.handover(epoch)))),
    inHistory: async (height, head) => {
      const answers = await askAll((node) => ask(node, Questions.historyProof(height, head.height)));
      const proofs = answers.filter((found) => found !== undefined);
      return proofs.find(({ header, path }) => isInHistory(Header.hash(header), height, head, path));
    },
    resumes: async () => {
      const answers = await askAll((node) => ask(node, Questions.resume()));
      const found = answers.filter((answer) => answer !== undefined);
      return found.sort((a, b) => (a.message.epoch < b.message.epoch ? 1 : -1));
    },
    evidence: async (from) => {
      const pages = await askAll(async (node) => {
        const page = await ask(node, Questions.evidence(from.get(node.url) ?? 0));
        return (page?.entries ?? []).map((entry) => ({ ...entry, node: node.url }));
      });
      return pages.flat();
    },
  };
}

function unique(answers: readonly (FinalizedHeader | undefined)[]): FinalizedHeader[] {
  const found = answers.filter((answer) => answer !== undefined);
  return [...new Map(found.map((answer) => [finalizationKey(answer), answer])).values()];
}

/** What a node answers; undefined when it has no such thing. */
async function ask<S extends z.ZodType>(node: Node, question: Questions.Question<S>): Promise<z.output<S> | undefined> {
  try {
    const answer = await node.transport.ask(question.request, question.schema, (value) => value);
    if (!node.reachable) node.logger.info("node answers again", { node: node.url });
    node.reachable = true;
    return answer;
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    if (node.reachable) node.logger.warn("node does not answer", { node: node.url, error });
    node.reachable = false;
    throw error;
  }
}

async function changeOn(node: Node, committee: bigint, epoch: Epoch): Promise<FinalizedHeader | undefined> {
  let after = Epoch(epoch - 1n);
  for (let page = 0; page < HANDOVER_PAGES_MAX; page++) {
    const answer = await ask(node, Questions.handovers({ after, changes: true, limit: 100 }));
    const found = answer?.handovers.find(({ header }) => header.committee === committee);
    if (found !== undefined || answer?.next === undefined) return found;
    after = answer.next;
  }
  return undefined;
}
