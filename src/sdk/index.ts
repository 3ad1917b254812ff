/** What a rollup installs. The only barrel of the project. */
export { createClient, ENDPOINTS_MAX } from "./createClient.ts";
export { defaultClientLimits } from "./client.ts";
export type {
  BundleSubmission,
  Client,
  ClientLimits,
  ClientOptions,
  FollowOptions,
  NamespaceContent,
  NamespaceTransaction,
  Network,
  Submission,
  VerifiedBlock,
  WaitOptions,
} from "./client.ts";
export { pinnedCommittees, type CommitteeSource, type TrustedCommittee } from "./committees.ts";
export { l1Committees } from "./l1Committees.ts";
export { lightClientCheckpoints } from "./l1Checkpoints.ts";
export type {
  BundleProofOnL1,
  CheckpointOnL1,
  CheckpointSource,
  NamespaceProofOnL1,
  TransactionProofOnL1,
} from "./l1Proof.ts";
export type {
  EvidencePage,
  FinalizationQuery,
  HandoverPage,
  HandoverQuery,
  Status,
  TransactionPlace,
} from "./endpoints.ts";
export type { EthereumTransaction, TransactionSigner } from "./ethereum.ts";
export {
  EndpointsError,
  NotCheckpointedError,
  ProblemError,
  SdkError,
  SubmissionError,
  TimeoutError,
  VerificationError,
  type EndpointFailure,
  type VerificationFault,
} from "./errors.ts";
export { CommitteeId, Epoch, Height, NamespaceId, ValidatorId, View } from "../protocol/scalars.ts";
export type { Hash } from "../crypto/hash.ts";
export { toHash } from "../crypto/hash.ts";
export type { Hex } from "../codec/hex.ts";
export { fromHex, toHex } from "../codec/hex.ts";
export type { Header } from "../protocol/Header.ts";
export type { BundleConfirmation, Confirmation } from "../lightclient/confirmation.ts";
export type { FinalizedHeader } from "../lightclient/finalizedHeader.ts";
