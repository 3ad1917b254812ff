import { multiaddr, type Component } from "@multiformats/multiaddr";

import { concatBytes } from "../codec/hex.ts";
import { peerIdFromKey, type PeerId } from "./transport.ts";

/**
 * The network field of a validator in `StakeTable`: `transportKey (32 bytes, ed25519) ‖ multiaddr (binary form)`.
 * https://github.com/multiformats/multiaddr. NET-7: only /ip4, /ip6, /dns4 followed by /tcp with a port.
 */

export const TRANSPORT_KEY_BYTES = 32;
/** A DNS name of 253 characters with its code and length, and a port: 259. */
export const MULTIADDR_BYTES_MAX = 259;
export const NETWORK_FIELD_BYTES_MAX = TRANSPORT_KEY_BYTES + MULTIADDR_BYTES_MAX;
/** Longest text form that is parsed. */
export const MULTIADDR_TEXT_MAX = 320;
const DNS_NAME_MAX = 253;
const IPV6_GROUPS = 8;
const DNS_NAME =
  /^(?=.{1,253}$)(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** Where to connect to, or to listen at. */
export interface Endpoint {
  readonly kind: "ip4" | "ip6" | "dns4";
  readonly host: string;
  readonly port: number;
}

export interface NetworkField {
  readonly id: PeerId;
  /** 32 bytes. */
  readonly transportKey: Uint8Array;
  /** Multiaddr text. */
  readonly address: string;
}

/** An address or network field that is none. Registered by strangers, so expected: the validator is unreachable. */
export class NetworkFieldError extends Error {
  override readonly name = "NetworkFieldError";
}

function isHostKind(name: string): name is Endpoint["kind"] {
  return name === "ip4" || name === "ip6" || name === "dns4";
}

function endpointOf(components: readonly Component[], shown: string): Endpoint {
  const [host, tcp, ...rest] = components;
  if (host?.value === undefined || tcp?.value === undefined || tcp.name !== "tcp" || rest.length > 0) {
    throw new NetworkFieldError(`${shown} is not /ip4, /ip6 or /dns4 with /tcp`);
  }
  if (!isHostKind(host.name)) throw new NetworkFieldError(`${shown} has no /ip4, /ip6 or /dns4 host`);
  if (host.name === "dns4" && (host.value.length > DNS_NAME_MAX || !DNS_NAME.test(host.value))) {
    throw new NetworkFieldError(`${shown} has a malformed DNS name`);
  }
  const port = Number(tcp.value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new NetworkFieldError(`${shown} has no port`);
  return { kind: host.name, host: host.value, port };
}

function parse(input: string | Uint8Array, shown: string): ReturnType<typeof multiaddr> {
  try {
    return multiaddr(input);
  } catch (error) {
    throw new NetworkFieldError(`${shown}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Parses `/ip4/…/tcp/…`, `/ip6/…/tcp/…` or `/dns4/…/tcp/…`. Throws `NetworkFieldError`. */
export function parseAddress(text: string): Endpoint {
  const shown = text.slice(0, 80);
  if (text.length > MULTIADDR_TEXT_MAX) throw new NetworkFieldError(`${shown}… is longer than any address`);
  return endpointOf(parse(text, shown).getComponents(), shown);
}

/** The multiaddr text of an endpoint. */
export function formatAddress(endpoint: Endpoint): string {
  return `/${endpoint.kind}/${endpoint.host}/tcp/${String(endpoint.port)}`;
}

/**
 * What counts as one address for connection caps: an IPv4 address, or the first 64 bits of an IPv6 one, since a single
 * customer of a provider has as many of the rest as he likes.
 */
export function addressGroup(host: string): string {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = (plain.split("%")[0] ?? "").toLowerCase().split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, IPV6_GROUPS - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return `${groups.slice(0, IPV6_GROUPS / 2).join(":")}::/64`;
}

/** The bytes to register. Throws `NetworkFieldError` on an address that others could not use. */
export function encodeNetworkField(transportKey: Uint8Array, address: string): Uint8Array {
  const { port } = parseAddress(address);
  if (port === 0) throw new NetworkFieldError(`${address} has no port`);
  if (transportKey.length !== TRANSPORT_KEY_BYTES) {
    throw new NetworkFieldError(`a transport key has 32 bytes, not ${String(transportKey.length)}`);
  }
  return concatBytes(transportKey, parse(address, address).bytes);
}

/** Reads what somebody registered. Throws `NetworkFieldError`. */
export function decodeNetworkField(bytes: Uint8Array): NetworkField {
  if (bytes.length > NETWORK_FIELD_BYTES_MAX) {
    throw new NetworkFieldError(`${String(bytes.length)} bytes exceed ${String(NETWORK_FIELD_BYTES_MAX)}`);
  }
  if (bytes.length <= TRANSPORT_KEY_BYTES) {
    throw new NetworkFieldError(`${String(bytes.length)} bytes hold no transport key and address`);
  }
  const transportKey = bytes.slice(0, TRANSPORT_KEY_BYTES);
  const binary = bytes.slice(TRANSPORT_KEY_BYTES);
  const address = parse(binary, "network field");
  const endpoint = endpointOf(address.getComponents(), "network field");
  if (endpoint.port === 0) throw new NetworkFieldError("network field has no port");
  const text = formatAddress(endpoint);
  if (Buffer.compare(parse(text, text).bytes, binary) !== 0) {
    throw new NetworkFieldError("network field is not the canonical form of its address");
  }
  return { id: peerIdFromKey(transportKey), transportKey, address: text };
}
