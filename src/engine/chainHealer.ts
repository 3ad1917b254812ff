import { equalBytes } from "../codec/hex.ts";
import { hashBytes, hashFromBytes } from "../crypto/hash.ts";
import * as HistoryTree from "../lightclient/historyTree.ts";
import * as Header from "../protocol/Header.ts";
import * as History from "../protocol/History.ts";
import { GENESIS_HEIGHT, Height } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import type { Store } from "../storage/store.ts";
import * as Keys from "./chainKeys.ts";
import * as Records from "./records.ts";

/**
 * What a row of the block store must hold, as far as other rows say it (HEAL-2). What only peers can say is undefined
 * here: headers within the chain, payloads, places of transactions (`repairs.ts`). The rest of what is undefined is not
 * needed again: marks of candidates, committees (L1 has them), certificates beside a later finalization.
 */
export async function deriveRow(
  store: Store,
  genesis: Header.Header,
  key: Uint8Array,
): Promise<Uint8Array | undefined> {
  switch (String.fromCharCode(key[0] ?? 0)) {
    case "m":
      return deriveTip(store);
    case "h":
      return deriveBlock(store, genesis, Height(Keys.numberOf(key)));
    case "b":
      return deriveHeight(store, key);
    case "f":
      return deriveFinalization(store, Height(Keys.numberOf(key)));
    case "v":
      return deriveCertificate(store, key);
    case "o":
      return deriveHandover(store, Keys.numberOf(key));
    case "r":
      return deriveResume(store, Keys.numberOf(key));
    case "n":
      return deriveHistoryNode(store, Number(Keys.numberOf(key)));
    default:
      return undefined;
  }
}

async function headerAt(store: Store, height: Height): Promise<Header.Header | undefined> {
  const bytes = await store.get(Keys.block(height));
  return bytes === undefined ? undefined : Records.decodeBlock(bytes).header;
}

async function tipOf(store: Store): Promise<Records.Tip | undefined> {
  const bytes = await store.get(Keys.tip);
  return bytes === undefined ? undefined : Records.decodeTip(bytes);
}

/** From the newest finalization, its block and the history tree below it. */
async function deriveTip(store: Store): Promise<Uint8Array | undefined> {
  const range = { start: Keys.finalization(GENESIS_HEIGHT), end: Keys.tableEnd("f"), reverse: true, limit: 1 };
  for await (const { key, value } of store.range(range)) {
    const header = await headerAt(store, Height(Keys.numberOf(key)));
    const history = header === undefined ? undefined : await historyBelow(store, header);
    if (header === undefined || history === undefined) return undefined;
    const certificate = Records.decodeCertificate(value);
    return Records.encodeTip({ header, certificate, history: History.append(history, Header.hash(header)) });
  }
  return undefined;
}

async function historyBelow(store: Store, header: Header.Header): Promise<History.History | undefined> {
  const rows: (Uint8Array | undefined)[] = [];
  const log: HistoryTree.HashLog = {
    read: async (positions) => {
      for (const position of positions) rows.push(await store.get(Keys.historyNode(position)));
      return rows.filter((row) => row !== undefined);
    },
    write: () => Promise.resolve(),
  };
  const history = { size: header.height, peaks: await HistoryTree.frontier(log, Number(header.height)) };
  return rows.includes(undefined) || History.root(history) !== header.history ? undefined : history;
}

/** Genesis follows from the configuration, the newest block stands in the tip. */
async function deriveBlock(store: Store, genesis: Header.Header, height: Height): Promise<Uint8Array | undefined> {
  if (height === GENESIS_HEIGHT) return Records.encodeBlock({ header: genesis, payloadBytes: 0 });
  const header = (await tipOf(store))?.header;
  if (header?.height !== height) return undefined;
  const payload = await store.get(Keys.payload(Header.hash(header)));
  return Records.encodeBlock({ header, payloadBytes: payload?.length ?? 0 });
}

/** The block that has this hash, if it is in the chain. */
async function deriveHeight(store: Store, key: Uint8Array): Promise<Uint8Array | undefined> {
  const hash = hashFromBytes(key.slice(1));
  for await (const { value } of store.range({ start: Keys.block(GENESIS_HEIGHT), end: Keys.tableEnd("h") })) {
    const { header } = Records.decodeBlock(value);
    if (Header.hash(header) === hash) return Records.encodeHeight(header.height);
  }
  return undefined;
}

/** The same certificate stands in the table by view. */
async function deriveFinalization(store: Store, height: Height): Promise<Uint8Array | undefined> {
  const header = await headerAt(store, height);
  if (header === undefined) return undefined;
  const value = await store.get(Keys.certificate(header.epoch, header.viewNumber, "finalize"));
  if (value !== undefined && Vote.block(Records.decodeCertificate(value).vote) === Header.hash(header)) return value;
  // A handover may have been finalized in a later view; the tip has its certificate, too.
  const tip = await tipOf(store);
  const isTip = tip?.header.height === height;
  return isTip && tip.certificate !== undefined ? Records.encodeCertificate(tip.certificate) : undefined;
}

/** The same certificate stands in the table by height, if it is a finalization. */
async function deriveCertificate(store: Store, key: Uint8Array): Promise<Uint8Array | undefined> {
  const range = { start: Keys.finalization(GENESIS_HEIGHT), end: Keys.tableEnd("f") };
  for await (const { value } of store.range(range)) {
    const { vote } = Records.decodeCertificate(value);
    if (equalBytes(Keys.certificate(vote.epoch, vote.view, vote.kind), key)) return value;
  }
  return undefined;
}

/** The last block of the epoch: heights ascend with epochs. */
async function deriveHandover(store: Store, epoch: bigint): Promise<Uint8Array | undefined> {
  let low = 0n;
  let high: bigint = (await tipOf(store))?.header.height ?? 0n;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    const header = await headerAt(store, Height(middle));
    if (header === undefined) return undefined;
    if (header.epoch <= epoch) low = middle;
    else high = middle - 1n;
  }
  const header = await headerAt(store, Height(low));
  if (header === undefined || BigInt(header.epoch) !== epoch || !Header.isHandover(header)) return undefined;
  return Records.encodeHeight(header.height);
}

/**
 * The first block of the opened epoch stands on the resumed one; if there is none yet, nothing is lost by taking the
 * resume once more. Where the journal of the epoch begins is not known: all of it is read.
 */
async function deriveResume(store: Store, epoch: bigint): Promise<Uint8Array | undefined> {
  for await (const { value } of store.range({ start: Keys.block(GENESIS_HEIGHT), end: Keys.tableEnd("h") })) {
    const { header } = Records.decodeBlock(value);
    if (BigInt(header.epoch) !== epoch) continue;
    const taken = { epoch: header.epoch, block: header.parent, committee: header.committee };
    return Records.encodeResume({ ...taken, height: Height(header.height - 1n), journalFrom: 0 });
  }
  return undefined;
}

async function deriveHistoryNode(store: Store, position: number): Promise<Uint8Array | undefined> {
  const { level, index } = HistoryTree.subtreeAt(position);
  const from = index * 2 ** level;
  const to = from + 2 ** level;
  const hashes: Uint8Array[] = [];
  const range = { start: Keys.block(Height(BigInt(from))), end: Keys.block(Height(BigInt(to))) };
  for await (const { value } of store.range(range)) {
    hashes.push(hashBytes(Header.hash(Records.decodeBlock(value).header)));
  }
  return hashes.length === to - from ? HistoryTree.subtreeRoot(hashes) : undefined;
}
