import { expect, it } from "vitest";

import { routes, STREAM_PATH } from "../../src/api/routes.ts";
import { ZERO_HASH } from "../../src/crypto/hash.ts";
import { CommitteeId, Epoch, Height, NamespaceId } from "../../src/protocol/scalars.ts";
import * as Endpoints from "../../src/sdk/endpoints.ts";

const namespace = NamespaceId(1n);
const height = Height(1n);

const questions = [
  Endpoints.submitTransaction(namespace, new Uint8Array(1)),
  Endpoints.submitBundle([]),
  Endpoints.transaction(namespace, ZERO_HASH),
  Endpoints.confirmation(namespace, ZERO_HASH, "nearest"),
  Endpoints.bundleConfirmation(namespace, ZERO_HASH, "latest"),
  Endpoints.namespaceBlocks(namespace, height, "nearest"),
  Endpoints.blocks(height),
  Endpoints.block(height),
  Endpoints.historyProof(height, Height(2n)),
  Endpoints.status(),
  Endpoints.committee(CommitteeId(1n)),
  Endpoints.handover(Epoch(1n)),
  Endpoints.handovers({ after: Epoch(0n), limit: 5 }),
  Endpoints.evidence(0),
  Endpoints.finalization({ kind: "latest" }),
  Endpoints.finalization({ kind: "at", height }),
  Endpoints.finalization({ kind: "at-or-below", height }),
  Endpoints.finalization({ kind: "at-or-above", height }),
];

it("every question of the SDK is a row of the API's table, with the same schema and a query that it takes", () => {
  for (const { request, schema } of questions) {
    const row = Object.values(routes).find(({ method, path }) => {
      const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, "[^/]+")}$`);
      return method === request.method && pattern.test(request.path);
    });
    expect(row?.response, request.path).toBe(schema);
    const given = Object.entries(request.query ?? {}).filter(([, value]) => value !== undefined);
    expect(row?.query.safeParse(Object.fromEntries(given)).success, request.path).toBe(true);
  }
});

it("the stream's address follows the endpoint's scheme", () => {
  expect(Endpoints.streamAddress("http://a:1/", height)).toBe(`ws://a:1${STREAM_PATH}?from=1`);
  expect(Endpoints.streamAddress("https://a", height)).toBe(`wss://a${STREAM_PATH}?from=1`);
});
