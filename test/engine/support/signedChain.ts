import { commit } from "../../../src/dispersal/dispersal.ts";
import { shardLayout } from "../../../src/dispersal/shardLayout.ts";
import * as Certificate from "../../../src/protocol/Certificate.ts";
import * as Genesis from "../../../src/protocol/Genesis.ts";
import * as Header from "../../../src/protocol/Header.ts";
import * as History from "../../../src/protocol/History.ts";
import { CommitteeId, Epoch, Height, View } from "../../../src/protocol/scalars.ts";
import * as Vote from "../../../src/protocol/Vote.ts";
import { fakeBls } from "../../simulation/fakeBls.ts";
import { config, domain, members, secrets } from "./lonelyEngine.ts";

export const epoch = Epoch(1n);
/** What the empty payload commits to among four equal members. */
export const EMPTY = commit(new Uint8Array(0), shardLayout([1n, 1n, 1n, 1n], 4));

/** `count` empty blocks on genesis; with `salt`, another chain. */
export function chainOf(count: number, salt = 0n): Header.Header[] {
  const headers: Header.Header[] = [];
  let parent = Genesis.header(config);
  let history = History.append(History.EMPTY, Header.hash(parent));
  for (let i = 1; i <= count; i++) {
    parent = {
      ...parent,
      height: Height(BigInt(i)),
      epoch,
      viewNumber: View(BigInt(i)),
      committee: CommitteeId(1n),
      timestamp: parent.timestamp + 1n + salt,
      parent: Header.hash(parent),
      history: History.root(history),
      payload: EMPTY,
      nextCommittee: CommitteeId(0n),
      l1Number: 10n,
    };
    history = History.append(history, Header.hash(parent));
    headers.push(parent);
  }
  return headers;
}

/** The certificate of these members for a vote. */
export function certify(vote: Vote.Vote, signers: readonly number[]): Certificate.Certificate {
  const votes = signers.map((signer) => {
    const signature = fakeBls.sign(secrets[signer] ?? new Uint8Array(), Vote.digest(vote, domain), "vote");
    return { vote, signer, signature };
  });
  const certificate = Certificate.fromVotes(vote, votes, members.length, fakeBls);
  if (certificate === undefined) throw new Error("a certificate");
  return certificate;
}

export function finalize(
  header: Header.Header | undefined,
  signers: readonly number[],
  about = epoch,
): Certificate.Certificate {
  if (header === undefined) throw new Error("a header");
  return certify(Vote.finalize(about, header.viewNumber, Header.hash(header)), signers);
}
