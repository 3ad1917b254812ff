import { createServer, type Server } from "node:http";

import * as z from "zod";

import type { Hash } from "../../../src/crypto/hash.ts";
import type { FinalizedHeader } from "../../../src/lightclient/finalizedHeader.ts";
import * as Wire from "../../../src/lightclient/wire.ts";
import * as Views from "../../../src/lightclient/wireViews.ts";

/** What a node would answer. */
export interface NodeContent {
  newest(): FinalizedHeader | undefined;
  handovers(after: bigint): readonly FinalizedHeader[];
  at?(height: bigint): FinalizedHeader | undefined;
  historyPath?(height: bigint, size: bigint): readonly Hash[];
  /** A resume that a quorum signed, in the node's wire format. */
  resume?(): unknown;
}

export interface NodeServer {
  readonly url: string;
  close(): Promise<void>;
}

const NO_EVIDENCE = (): unknown => z.encode(Views.evidencePage, { entries: [], next: 0 });

/** The routes of a node that the relayer reads, in the node's own wire format. */
export async function startNodeServer(content: NodeContent, evidence = NO_EVIDENCE): Promise<NodeServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://node");
    const [status, body] = answer(url, content, evidence);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${String(address.port)}`, close: () => close(server) };
}

function answer(url: URL, content: NodeContent, evidence: () => unknown): readonly [number, unknown] {
  if (url.pathname === "/v1/finalizations") {
    const newest = content.newest();
    if (newest !== undefined) return [200, z.encode(Wire.finalization, newest)];
    return [404, problem("unknown-finalization")];
  }
  if (url.pathname === "/v1/handovers") {
    const after = BigInt(url.searchParams.get("after") ?? "0");
    const changes = content.handovers(after).filter(({ header }) => header.nextCommittee !== header.committee);
    return [200, z.encode(Views.handoverPage, { handovers: changes.slice(0, 100) })];
  }
  if (url.pathname === "/v1/evidence") return [200, evidence()];
  return answerOne(url, content) ?? [404, problem("not-found")];
}

function answerOne(url: URL, content: NodeContent): readonly [number, unknown] | undefined {
  const [, , name, ...numbers] = url.pathname.split("/");
  const [first, second] = numbers.map(BigInt);
  if (name === "resume" && content.resume !== undefined) return [200, content.resume()];
  if (name === "handovers" && first !== undefined) {
    const found = content.handovers(first - 1n).find(({ header }) => header.epoch === first);
    return found && [200, z.encode(Wire.finalization, found)];
  }
  if (name !== "history" || first === undefined || second === undefined) return undefined;
  const [leaf, head] = [content.at?.(second), content.at?.(first)];
  if (leaf === undefined || head === undefined) return undefined;
  const path = content.historyPath?.(second, first) ?? [];
  return [200, z.encode(Wire.historyProof, { header: leaf.header, size: head.header.height, path: [...path] })];
}

function problem(code: string): object {
  return { type: `urn:crema:problem:${code}`, title: code, status: 404, code, detail: code, values: {} };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
