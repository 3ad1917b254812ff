import { keccak256, keccakHash } from "../../src/crypto/hash.ts";
import { createTlsTransport, LIMITS, type TlsTransport } from "../../src/network/tlsTransport.ts";
import { describeTransport } from "./conformance.ts";

let seats = 1000;

describeTransport("TLS", () => {
  const transports: TlsTransport[] = [];
  return Promise.resolve({
    join: async ({ genesis, observersMax, queueBytesMax, messageBytesMax, seat } = {}) => {
      const transport = await createTlsTransport({
        seed: keccak256(Buffer.from(`seat ${String(seat ?? seats++)}`)),
        genesis: keccakHash(Buffer.from(genesis ?? "this")),
        listen: "/ip4/127.0.0.1/tcp/0",
        times: { dialFirstMs: 10, dialMaxMs: 50, dialDelayMs: 20 },
        ...(observersMax === undefined ? {} : { observersMax }),
        ...(queueBytesMax === undefined ? {} : { queue: { bytesMax: queueBytesMax } }),
        ...(messageBytesMax === undefined
          ? {}
          : { limits: { validator: { messageBytesMax, rate: LIMITS.validator.rate } } }),
      });
      transports.push(transport);
      return { transport, peer: { id: transport.self, address: transport.address, role: "validator" } };
    },
    close: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
    },
  });
});
