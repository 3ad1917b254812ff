import { createServer, type Server } from "node:net";

import { StartError } from "./options.ts";

/**
 * Distinct ports that nobody listens on now. All are held until the last is found, so that none is given twice; a
 * program that takes one before ours listens is reported by ours.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new StartError("a free port has no number");
    return address.port;
  });
  await Promise.all(servers.map((server) => close(server)));
  return ports;
}

function listen(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
