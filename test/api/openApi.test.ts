import { expect, it } from "vitest";

import { openApiDocument } from "../../src/api/openApi.ts";
import { routes } from "../../src/api/routes.ts";
import { API_VERSION } from "../../src/api/server.ts";

it("the OpenAPI document changes only on purpose (snapshot)", async () => {
  const text = `${JSON.stringify(openApiDocument(API_VERSION), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot("../snapshots/openapi.json");
});

it("describes every row of the table, with its parameters and no empty schema", () => {
  const { paths }: { paths?: Record<string, Record<string, { operationId: string }>> } = openApiDocument(API_VERSION);
  const operations = Object.values(paths ?? {}).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(operations.sort()).toEqual([...Object.keys(routes), "stream"].sort());
  expect(JSON.stringify(paths)).not.toContain('"schema":{}');
});
