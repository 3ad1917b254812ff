import type { NetworkDecoder } from "../l1/stakeTableFold.ts";
import { decodeNetworkField, NetworkFieldError, parseAddress } from "../network/networkField.ts";
import { isPeerId, type Peer } from "../network/transport.ts";
import { ConfigError } from "../config/configTable.ts";

/** A validator's network field; undefined where strangers registered something else. */
export const decodeNetwork: NetworkDecoder = (network) => {
  try {
    return decodeNetworkField(network);
  } catch (error) {
    if (error instanceof NetworkFieldError) return undefined;
    throw error;
  }
};

/** `<transport key>@<multiaddr>`. */
export function parseSeed(text: string): Peer {
  const [id = "", address = "", ...rest] = text.split("@");
  if (!isPeerId(id) || rest.length > 0) {
    throw new ConfigError([`seeds: "${text.slice(0, 100)}" is not <64 hexadecimal digits>@<multiaddr>`]);
  }
  try {
    parseAddress(address);
  } catch (error) {
    if (!(error instanceof NetworkFieldError)) throw error;
    throw new ConfigError([`seeds: ${error.message}`]);
  }
  return { id, address, role: "observer" };
}
