import * as Certificate from "../protocol/Certificate.ts";
import type { Verified } from "../protocol/Verified.ts";
import * as Vote from "../protocol/Vote.ts";
import { emit, persist, update, updateView, type Draft } from "./draft.ts";
import { certificatesOf, reportContradiction } from "./evidence.ts";
import { finalizedView, recordOf, type ViewRecord } from "./state.ts";
import { disputeAgainst } from "./votes.ts";

/**
 * NOTAR-1: a certificate, formed here or received, is kept (one of each kind a view), journaled and sent on, once. What
 * it contradicts becomes evidence. Precondition: it is wanted (`interest.ts`). Consequences are drawn by `settle`.
 */
export function admitCertificate(draft: Draft, certificate: Verified<Certificate.Certificate>): void {
  const { vote } = certificate;
  const record = recordOf(draft.state, vote.view);
  for (const held of certificatesOf(record)) reportContradiction(draft, held, certificate);
  const change = placed(record, certificate);
  if (change === undefined) {
    reportForkOf(draft, record, certificate);
    return;
  }
  const isNews = vote.view > finalizedView(draft.state);
  const before = finalizedView(draft.state);
  updateView(draft, vote.view, change);
  if (!isNews && vote.view > draft.state.anchorView) persist(draft, { type: "certificate", certificate }, false);
  if (isNews) {
    persist(draft, { type: "certificate", certificate }, false);
    emit(draft, { type: "broadcast-certificate", certificate });
    if (Certificate.isFinalization(certificate) && vote.view > before) update(draft, { unlinked: certificate });
  }
  disputeAgainst(draft, certificate);
  draft.isDirty = true;
}

/** The member of the record the certificate fills, or undefined if another of its kind is there. */
function placed(record: ViewRecord, certificate: Verified<Certificate.Certificate>): Partial<ViewRecord> | undefined {
  if (Certificate.isNotarization(certificate)) {
    return record.notarization === undefined ? { notarization: certificate } : undefined;
  }
  if (Certificate.isNullification(certificate)) {
    return record.nullification === undefined ? { nullification: certificate } : undefined;
  }
  if (Certificate.isFinalization(certificate)) {
    return record.finalization === undefined ? { finalization: certificate } : undefined;
  }
  return undefined;
}

/** ACC-2: two finalizations of different blocks in one view. */
function reportForkOf(draft: Draft, record: ViewRecord, certificate: Certificate.Certificate): void {
  const held = record.finalization;
  if (held === undefined || !Certificate.isFinalization(certificate)) return;
  if (Vote.equals(held.vote, certificate.vote)) return;
  declareFork(draft, held, certificate);
}

export function declareFork(
  draft: Draft,
  mine: Certificate.Finalization | undefined,
  theirs: Certificate.Finalization,
): void {
  if (draft.state.phase === "forked") return;
  update(draft, { phase: "forked" });
  emit(draft, { type: "report-fork", mine, theirs });
}
