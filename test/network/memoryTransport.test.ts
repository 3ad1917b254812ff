import { createMemoryNetwork } from "../../src/network/memoryTransport.ts";
import { toPeerId } from "../../src/network/transport.ts";
import { describeTransport } from "./conformance.ts";

let seats = 1000;

describeTransport("memory", () => {
  const network = createMemoryNetwork();
  return Promise.resolve({
    join: ({ genesis, observersMax, queueBytesMax, messageBytesMax, seat } = {}) => {
      const self = toPeerId((seat ?? seats++).toString(16).padStart(64, "0"));
      const transport = network.join({
        self,
        genesis: genesis ?? "this",
        ...(observersMax === undefined ? {} : { observersMax }),
        ...(queueBytesMax === undefined ? {} : { queue: { bytesMax: queueBytesMax } }),
        ...(messageBytesMax === undefined ? {} : { messageBytesMax: { validator: messageBytesMax } }),
      });
      return Promise.resolve({ transport, peer: { id: self, address: null, role: "validator" } });
    },
    close: () => Promise.resolve(),
  });
});
