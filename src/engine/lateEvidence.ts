import * as Evidence from "../protocol/Evidence.ts";
import type { PeerId } from "../network/transport.ts";
import * as Certificate from "../protocol/Certificate.ts";
import type { Committee } from "../protocol/Committee.ts";
import * as Header from "../protocol/Header.ts";
import { CommitteeId, Epoch, FIRST_EPOCH, type View } from "../protocol/scalars.ts";
import * as Vote from "../protocol/Vote.ts";
import type { Kernel } from "./kernel.ts";
import { priorityOf } from "./kernel.ts";
import { encode, type Message } from "./message.ts";
import { TokenBuckets } from "./tokenBuckets.ts";

/** Late certificates a second that one peer may have compared, and at once: a few reads of the store each. */
export const LATE_PER_SECOND = 8;
export const LATE_BURST = 64;
/** Late certificates whose signatures are being checked. */
export const LATE_CHECKS_MAX = 8;
/** Late certificates that are remembered as passed on. */
export const LATE_PASSED_MAX = 1_024;

/**
 * ACC-5: finality may be contradicted long after: a certificate of a view or epoch that the core has left is held against
 * what the archive has of that view. Two that contradict are evidence; a finalization of another block than the one that
 * is final here is a fork, as long as L1 trusts its committee. Later its members may have sold their keys with their stake
 * withdrawn: that stops nobody.
 */
export class LateEvidence {
  readonly #kernel: Kernel;
  readonly #rate: TokenBuckets;
  readonly #checking = new Set<string>();
  readonly #passed = new Set<string>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#rate = new TokenBuckets(kernel.ports.clock, LATE_PER_SECOND, LATE_BURST);
  }

  receive(from: PeerId, certificate: Certificate.Certificate, header: Header.Header | undefined): void {
    const key = keyOf(certificate);
    const isKnown = this.#checking.has(key) || this.#passed.has(key) || this.#checking.size >= LATE_CHECKS_MAX;
    if (isKnown || !this.#rate.take(from)) return;
    this.#checking.add(key);
    this.#compare(from, certificate, header)
      .catch((error: unknown) => {
        this.#kernel.fail(error);
      })
      .finally(() => this.#checking.delete(key));
  }

  async #compare(from: PeerId, certificate: Certificate.Certificate, header: Header.Header | undefined): Promise<void> {
    const held = (await this.#held(certificate)).filter(({ vote }) => Vote.contradict(vote, certificate.vote));
    const fork = await this.#forkOf(certificate, header, held);
    if (held.length === 0 && fork === undefined) return;
    const committee = await this.#committeeOf(certificate.vote.epoch);
    if (committee === undefined || !(await this.#verify(from, certificate, committee))) return;
    const statement = (one: Certificate.Certificate): Evidence.Statement => ({
      message: one.vote,
      signers: { kind: "committee", committee: committee.id, absent: one.absent },
      signature: one.signature,
    });
    for (const other of held) {
      const offence = Evidence.offence(other.vote, certificate.vote);
      const evidence = { first: statement(other), second: statement(certificate) };
      if (offence !== undefined) this.#kernel.saveEvidence(evidence, offence);
    }
    if (!this.#kernel.isRunning()) return;
    this.#passOn(certificate, header);
    const counts = this.#kernel.ports.l1.isTrusted(committee.id);
    if (fork !== undefined && counts) this.#kernel.feed({ type: "forked", ...fork });
  }

  /** What was archived of the view, and what is still in memory. */
  async #held({ vote }: Certificate.Certificate): Promise<Certificate.Certificate[]> {
    const { chain } = this.#kernel;
    const state = this.#kernel.state();
    const record = vote.epoch === state.epoch ? state.views.get(vote.view) : undefined;
    const inMemory = [record?.notarization, record?.nullification, record?.finalization];
    const kinds = ["notarize", "nullify", "finalize"] as const;
    const archived = await Promise.all(kinds.map((kind) => chain.certificate(vote.epoch, vote.view, kind)));
    return kinds.flatMap((_, index) => archived[index] ?? inMemory[index] ?? []);
  }

  /** The fork that a late finalization shows, and the finalization of this node's that it contradicts. */
  async #forkOf(
    certificate: Certificate.Certificate,
    header: Header.Header | undefined,
    held: readonly Certificate.Certificate[],
  ): Promise<
    { readonly mine: Certificate.Finalization | undefined; readonly theirs: Certificate.Finalization } | undefined
  > {
    const { chain } = this.#kernel;
    // What a resume ended is no fork of what goes on.
    const isEnded = chain.resumes.some(({ epoch }) => epoch > certificate.vote.epoch);
    if (isEnded || !Certificate.isFinalization(certificate)) return undefined;
    const same = held.find((other) => Certificate.isFinalization(other));
    if (same !== undefined && Certificate.isFinalization(same)) return { mine: same, theirs: certificate };
    const isNamed = header !== undefined && Header.hash(header) === certificate.vote.block;
    if (!isNamed || header.height > chain.height) return undefined;
    const own = await chain.blockAt(header.height);
    if (own === undefined || Header.hash(own.header) === certificate.vote.block) return undefined;
    const found = await chain.finalization(header.height, chain.height, false);
    const mine = found?.certificate;
    return { mine: mine !== undefined && Certificate.isFinalization(mine) ? mine : undefined, theirs: certificate };
  }

  async #committeeOf(epoch: Epoch): Promise<Committee | undefined> {
    const kernel = this.#kernel;
    const current = kernel.membership();
    if (epoch === current.epoch) return current.committee;
    const resumed = kernel.chain.resumes.find((taken) => taken.epoch === epoch);
    if (resumed !== undefined) return kernel.committee(resumed.committee);
    if (epoch === FIRST_EPOCH) return kernel.committee(CommitteeId(1n));
    const height = await kernel.chain.handoverHeight(Epoch(epoch - 1n));
    const handover = height === undefined ? undefined : await kernel.chain.blockAt(height);
    return handover === undefined ? undefined : kernel.committee(handover.header.nextCommittee);
  }

  async #verify(from: PeerId, certificate: Certificate.Certificate, committee: Committee): Promise<boolean> {
    const { ports, options } = this.#kernel;
    const checked = Certificate.checkWeight(certificate, committee, options.domain);
    const isValid =
      checked.ok &&
      (await ports.bls.verifyAggregate(checked.check.keys, checked.check.digest, checked.check.signature));
    if (!isValid) ports.transport.penalize(from, "invalid-signature");
    return isValid;
  }

  /** Once: others may hold of that view what this node never had. */
  #passOn(certificate: Certificate.Certificate, header: Header.Header | undefined): void {
    this.#passed.add(keyOf(certificate));
    for (const oldest of this.#passed) {
      if (this.#passed.size <= LATE_PASSED_MAX) break;
      this.#passed.delete(oldest);
    }
    this.#tell({ type: "certificate", certificate, ...(header === undefined ? {} : { header }) });
  }

  /**
   * ACC-6: what two contradicting finalizations convict by lies in the lower of their two views: everybody is asked for
   * the certificates there. The answers come back here, or to the core.
   */
  inquire(mine: Certificate.Finalization | undefined, theirs: Certificate.Finalization): void {
    const views: View[] = [theirs.vote.view];
    if (mine?.vote.epoch === theirs.vote.epoch) views.push(mine.vote.view);
    const view = views.reduce((least, other) => (other < least ? other : least));
    this.#tell({ type: "certificate", certificate: theirs });
    if (mine !== undefined) this.#tell({ type: "certificate", certificate: mine });
    this.#tell({ type: "view-request", epoch: theirs.vote.epoch, view });
  }

  #tell(message: Message): void {
    const { transport } = this.#kernel.ports;
    const bytes = encode(message);
    for (const { id, connected } of transport.peers()) {
      if (connected && id !== transport.self) transport.send(id, bytes, priorityOf(message));
    }
  }
}

function keyOf({ vote }: Certificate.Certificate): string {
  return `${String(vote.epoch)}/${String(vote.view)}/${vote.kind}/${Vote.block(vote) ?? ""}`;
}
