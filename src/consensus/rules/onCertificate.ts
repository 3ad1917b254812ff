import { admitCertificate } from "../certificates.ts";
import { emit, reject, update, type Draft } from "../draft.ts";
import type { CertificateReceived, OtherEpoch } from "../input.ts";
import { refuseCertificate } from "../interest.ts";

/** NOTAR-1 and NOTAR-2: certificates come from anyone, for any view that is not final yet. */
export function onCertificate(draft: Draft, input: CertificateReceived): void {
  const refusal = refuseCertificate(draft.context, draft.state, input.certificate);
  if (refusal === undefined) admitCertificate(draft, input.certificate);
  else reject(draft, input.from, refusal);
}

/** EPOCH-3: an older epoch is answered with its handover; a newer one says that this node must catch up. */
export function onOtherEpoch(draft: Draft, input: OtherEpoch): void {
  const { epoch, from } = input;
  if (epoch < draft.state.epoch) emit(draft, { type: "send-handover", to: from, epoch });
  if (epoch <= draft.state.epoch || draft.state.phase !== "running" || draft.state.isBehind) return;
  update(draft, { isBehind: true });
  draft.isDirty = true;
}
