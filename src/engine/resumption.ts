import type { CertifiedResume, ResumeRefusal, ResumeRequest } from "../lightclient/nodeQueries.ts";
import { RESUME_EPOCHS_MAX } from "../lightclient/resume.ts";
import type { PeerId } from "../network/transport.ts";
import * as Committee from "../protocol/Committee.ts";
import * as Evidence from "../protocol/Evidence.ts";
import * as Resume from "../protocol/Resume.ts";
import { Epoch, NO_COMMITTEE, ValidatorId } from "../protocol/scalars.ts";
import type { CancelTimer } from "../runtime/clock.ts";
import { equalBytes } from "../codec/hex.ts";
import type { Kernel } from "./kernel.ts";
import { TokenBuckets } from "./tokenBuckets.ts";

/** How often what is held is sent again, while the light client on L1 stands still. */
export const RESUME_REPEAT_MS = 5_000;
/** Resumes of different epochs that are kept of one signer: the highest ones. */
export const RESUMES_PER_SIGNER_MAX = 4;
/** Signed resumes kept in all. */
export const RESUMES_HELD_MAX = 2_048;
/** Signatures on resumes a second that one peer may have checked, and at once. */
export const RESUME_CHECKS_PER_SECOND = 32;
export const RESUME_CHECKS_BURST = 256;

interface Held {
  readonly vote: Resume.SignedResume;
  readonly validator: bigint;
}

/**
 * RESUME-3, RESUME-4: the word of a newer committee that the chain goes on. Operators decide, each for the own node; here
 * it is signed, sent around, and gathered to a certificate that the relayer takes to L1.
 */
export class Resumption {
  readonly #kernel: Kernel;
  readonly #checks: TokenBuckets;
  readonly #held = new Map<string, Held>();
  readonly #checking = new Set<string>();
  readonly #certificates = new Map<string, CertifiedResume>();
  #pledged: Epoch | undefined;
  #isRenewing = false;
  #timer: CancelTimer | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#checks = new TokenBuckets(kernel.ports.clock, RESUME_CHECKS_PER_SECOND, RESUME_CHECKS_BURST);
  }

  get held(): number {
    return this.#held.size;
  }

  start(): void {
    this.#renew();
    this.#timer = this.#kernel.ports.clock.setTimer(RESUME_REPEAT_MS, () => {
      this.#repeat();
      this.start();
    });
  }

  close(): void {
    this.#timer?.();
  }

  /** RESUME-2: whether this node has said, or is about to say, that the chain goes on in an epoch above `epoch`. */
  bars(epoch: Epoch): boolean {
    const signed = this.#kernel.ports.signer?.resumed()?.epoch ?? Epoch(0n);
    return signed > epoch || (this.#pledged ?? 0n) > epoch;
  }

  /** The certified resume of the highest epoch that L1 has not applied. */
  certificate(): CertifiedResume | undefined {
    const open = [...this.#certificates.values()].filter(({ message }) => message.epoch > this.#appliedEpoch());
    return open.sort((a, b) => (a.message.epoch < b.message.epoch ? 1 : -1))[0];
  }

  /** RESUME-1: the operator's decision. Nothing is signed that L1 would refuse as far as this node can see. */
  async sign(request: ResumeRequest): Promise<ResumeRefusal | undefined> {
    const refused = await this.#refusal(request);
    const { signer, l1 } = this.#kernel.ports;
    const committee = l1.committee(request.committee);
    if (refused !== undefined || signer === undefined || committee === undefined)
      return refused ?? { code: "no-signer" };
    // Votes end before the signature begins, and come back only if there is none.
    this.#pledged = request.epoch;
    this.#kernel.followLightClient();
    const { epoch, block, committee: id } = request;
    const result = await signer.sign({ kind: "resume", epoch, block, committee: id });
    this.#pledged = undefined;
    this.#kernel.followLightClient();
    if (!result.ok) return { code: "signer-refused", refusal: result.refusal.code };
    await this.#take({
      resume: { epoch, block, committee: id },
      signer: seatOf(committee, signer.publicKey),
      signature: result.signature,
    });
    this.#repeat();
    return undefined;
  }

  async #refusal({ epoch, block, committee: id }: ResumeRequest): Promise<ResumeRefusal | undefined> {
    const { signer, l1 } = this.#kernel.ports;
    const { chain, options } = this.#kernel;
    const client = l1.lightClient();
    if (signer === undefined) return { code: "no-signer" };
    if (client === "live" || client === "unknown") return { code: "not-halted", lightClient: client };
    const committee = l1.committee(id);
    const checkpoint = l1.checkpoint();
    if (committee === undefined || checkpoint === undefined) return { code: "unknown-committee", committee: id };
    const installed = checkpoint.committee === NO_COMMITTEE ? 1n : checkpoint.committee;
    if (id <= installed) return { code: "committee-not-newer", given: id, installed };
    if (seatOf(committee, signer.publicKey) === -1) return { code: "not-a-member", committee: id };
    const height = await chain.heightOf(block);
    const header = height === undefined ? undefined : (await chain.blockAt(height))?.header;
    if (header === undefined) return { code: "unknown-block", block };
    if (header.height < checkpoint.height) {
      return { code: "block-below-checkpoint", height: header.height, checkpoint: checkpoint.height };
    }
    const above = header.epoch > checkpoint.epoch ? header.epoch : checkpoint.epoch;
    const most = checkpoint.epoch + RESUME_EPOCHS_MAX;
    const isInside = epoch > above && epoch <= most && header.height < epoch * BigInt(options.config.epochLength);
    return isInside ? undefined : { code: "epoch-out-of-bounds", given: epoch, above, most };
  }

  /** After a restart, what the record says was signed is signed again, the same, and sent around. */
  #renew(): void {
    const { signer, l1 } = this.#kernel.ports;
    const resume = signer?.resumed();
    const committee = resume === undefined ? undefined : l1.committee(resume.committee);
    if (signer === undefined || resume === undefined || committee === undefined || this.#isRenewing) return;
    if (resume.epoch <= this.#appliedEpoch() || l1.lightClient() === "live") return;
    const seat = seatOf(committee, signer.publicKey);
    if (seat === -1 || this.#isHeld(resume, seat)) return;
    this.#isRenewing = true;
    const renewal = signer.sign({ kind: "resume", ...resume }).then(async (result) => {
      this.#isRenewing = false;
      if (result.ok) await this.#take({ resume, signer: seat, signature: result.signature });
    });
    renewal.catch((error: unknown) => {
      this.#kernel.fail(error);
    });
  }

  /** Signed resumes from anyone: each proves itself. */
  receive(from: PeerId, votes: readonly Resume.SignedResume[]): void {
    for (const vote of votes) {
      const key = keyOf(vote);
      if (!this.#isWanted(vote) || this.#checking.has(key) || !this.#checks.take(from)) continue;
      this.#checking.add(key);
      this.#check(vote)
        .then(async (isValid) => {
          this.#checking.delete(key);
          if (!this.#kernel.isRunning()) return;
          if (!isValid) this.#kernel.ports.transport.penalize(from, "invalid-signature");
          else if (this.#isWanted(vote)) {
            await this.#noticeOwnKey(vote);
            await this.#take(vote);
            this.#send([vote]);
          }
        })
        .catch((error: unknown) => {
          this.#kernel.fail(error);
        });
    }
  }

  #check({ resume, signer, signature }: Resume.SignedResume): Promise<boolean> {
    const { ports, options } = this.#kernel;
    const member = ports.l1.committee(resume.committee)?.members[signer];
    if (member === undefined) return Promise.resolve(false);
    return ports.bls.verify(member.key, Resume.digest(resume, options.domain), signature);
  }

  /** SIGN-8: a word with the own signature that comes from outside must be in the signer's record. */
  async #noticeOwnKey({ resume, signer: seat }: Resume.SignedResume): Promise<void> {
    const { signer, l1, logger } = this.#kernel.ports;
    const member = l1.committee(resume.committee)?.members[seat];
    if (signer === undefined || member === undefined || !equalBytes(member.key, signer.publicKey)) return;
    const isKnown = await signer.observe({ kind: "resume", ...resume });
    if (!isKnown) logger.error("own key signs elsewhere", { ...resume });
  }

  /** Only while L1 stands still, of a newer committee, in bounds, and not held yet. */
  #isWanted({ resume, signer }: Resume.SignedResume): boolean {
    const { l1 } = this.#kernel.ports;
    const checkpoint = l1.checkpoint();
    const member = l1.committee(resume.committee)?.members[signer];
    if (l1.lightClient() === "live" || checkpoint === undefined || member === undefined) return false;
    if (resume.committee <= checkpoint.committee || this.#isHeld(resume, signer)) return false;
    if (resume.epoch <= checkpoint.epoch || resume.epoch > checkpoint.epoch + RESUME_EPOCHS_MAX) return false;
    const own = this.#of(member.validator);
    const isFull = own.length >= RESUMES_PER_SIGNER_MAX || this.#held.size >= RESUMES_HELD_MAX;
    return !isFull || (own[0] !== undefined && own[0].vote.resume.epoch < resume.epoch);
  }

  /** What is held of a validator, lowest epoch first. */
  #of(validator: bigint): Held[] {
    const own = [...this.#held.values()].filter((held) => held.validator === validator);
    return own.sort((a, b) => Number(a.vote.resume.epoch - b.vote.resume.epoch));
  }

  #isHeld(resume: Resume.Resume, signer: number): boolean {
    return this.#held.has(keyOf({ resume, signer }));
  }

  /** Takes in a resume whose signature holds; two of one epoch by one signer are evidence (S5). */
  async #take(vote: Resume.SignedResume): Promise<void> {
    const committee = this.#kernel.ports.l1.committee(vote.resume.committee);
    const validator = committee?.members[vote.signer]?.validator;
    if (committee === undefined || validator === undefined) return;
    const own = this.#of(validator);
    for (const { vote: other } of own) {
      const evidence = { first: statement(other, validator), second: statement(vote, validator) };
      const offence = Evidence.offence(evidence.first.message, evidence.second.message);
      if (offence !== undefined) this.#kernel.saveEvidence(evidence, offence);
    }
    const lowest = own[0];
    const isFull = own.length >= RESUMES_PER_SIGNER_MAX || this.#held.size >= RESUMES_HELD_MAX;
    if (isFull && lowest !== undefined) this.#held.delete(keyOf(lowest.vote));
    this.#held.set(keyOf(vote), { vote, validator });
    await this.#certify(vote.resume, committee);
  }

  async #certify(resume: Resume.Resume, committee: Committee.Committee): Promise<void> {
    const hash = Resume.hash(resume);
    const votes = [...this.#held.values()].map(({ vote }) => vote).filter((vote) => Resume.hash(vote.resume) === hash);
    const weight = votes.reduce((sum, { signer }) => sum + Committee.weightOf(committee, signer), 0n);
    if (this.#certificates.has(hash) || weight < Committee.quorum(Committee.totalWeight(committee))) return;
    const { bls } = this.#kernel.ports;
    const entries = votes.map(({ signer, signature }) => {
      return { key: Committee.member(committee, signer).key, signature, verified: true };
    });
    const { aggregate } = await bls.verifyBatch(Resume.digest(resume, this.#kernel.options.domain), entries);
    if (aggregate === undefined || this.#certificates.has(hash)) return;
    const absent = Committee.absentBitmap(committee.members.length, new Set(votes.map(({ signer }) => signer)));
    this.#certificates.set(hash, { message: resume, absent, signature: aggregate });
    for (const [oldest, { message }] of this.#certificates) {
      if (message.epoch <= this.#appliedEpoch()) this.#certificates.delete(oldest);
    }
    this.#kernel.ports.logger.warn("a committee resumes the chain", { ...resume });
  }

  #appliedEpoch(): Epoch {
    return this.#kernel.ports.l1.resumes().at(-1)?.epoch ?? Epoch(0n);
  }

  #repeat(): void {
    const applied = this.#appliedEpoch();
    for (const [key, { vote }] of this.#held) if (vote.resume.epoch <= applied) this.#held.delete(key);
    const votes = [...this.#held.values()].map(({ vote }) => vote);
    votes.sort((a, b) => Number(b.resume.epoch - a.resume.epoch));
    if (votes.length > 0) this.#send(votes.slice(0, Resume.SIGNED_MAX));
  }

  #send(votes: readonly Resume.SignedResume[]): void {
    const { transport } = this.#kernel.ports;
    for (const { id, connected } of transport.peers()) {
      if (connected && id !== transport.self) this.#kernel.send(id, { type: "resumes", votes });
    }
  }
}

function seatOf(committee: Committee.Committee, key: Uint8Array): number {
  return committee.members.findIndex((member) => equalBytes(member.key, key));
}

function keyOf({ resume, signer }: Pick<Resume.SignedResume, "resume" | "signer">): string {
  return `${Resume.hash(resume)}/${String(signer)}`;
}

function statement({ resume, signature }: Resume.SignedResume, validator: bigint): Evidence.Statement {
  const signers = { kind: "key" as const, validator: ValidatorId(validator) };
  return { message: { kind: "resume", ...resume }, signers, signature };
}
