import { createServer, type Server } from "node:http";

import { z } from "zod";

const requestSchema = z.looseObject({ id: z.unknown(), method: z.string(), params: z.array(z.unknown()).optional() });

export interface Proxy {
  readonly url: string;
  /** What to answer to a method instead of the truth; undefined lets the truth through. */
  lie: (method: string, params: readonly unknown[], truth: unknown) => unknown;
  /** HTTP status for everything, such as 429. */
  status: number | undefined;
  /** JSON-RPC error for everything, such as -32005. */
  refusal: { readonly code: number; readonly message: string } | undefined;
  requests: number;
  close(): Promise<void>;
}

/** An L1 endpoint in front of the node, which can lie, lag or refuse. */
export async function startProxy(target: string): Promise<Proxy> {
  const proxy: Proxy = {
    url: "",
    lie: () => undefined,
    status: undefined,
    refusal: undefined,
    requests: 0,
    close: () => close(server),
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const answered = answer(proxy, target, Buffer.concat(chunks).toString("utf8"));
      void answered
        .catch(() => [502, "{}"] as const)
        .then(([status, body]) => {
          response.writeHead(status, { "content-type": "application/json" });
          response.end(body);
        });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return Object.assign(proxy, { url: `http://127.0.0.1:${String(address.port)}` });
}

async function answer(proxy: Proxy, target: string, body: string): Promise<readonly [number, string]> {
  proxy.requests += 1;
  if (proxy.status !== undefined) return [proxy.status, "{}"];
  const request = requestSchema.parse(JSON.parse(body));
  if (proxy.refusal !== undefined) {
    return [200, JSON.stringify({ jsonrpc: "2.0", id: request.id, error: proxy.refusal })];
  }
  const response = await fetch(target, { method: "POST", headers: { "content-type": "application/json" }, body });
  const truth = z.looseObject({ result: z.unknown().optional() }).parse(await response.json());
  const lie = proxy.lie(request.method, request.params ?? [], truth.result);
  return [200, JSON.stringify(lie === undefined ? truth : { jsonrpc: "2.0", id: request.id, result: lie })];
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
