import type { Context } from "../context.ts";
import { runnable, type RunnableJob } from "../queues.ts";
import { submitEvidence } from "./submitEvidence.ts";
import { evidence } from "../watchers/evidence.ts";
import { epochs } from "../watchers/epochs.ts";
import { finalizedHeaders } from "../watchers/finalizedHeaders.ts";
import { freeze } from "./freeze.ts";
import { advance, handover } from "./post.ts";
import { send } from "./send.ts";
import { applyResume, proposeResume } from "./resume.ts";
import { reportSlashed } from "./slashing.ts";
import { rotate, seal, settle } from "./stakeTable.ts";

/** Every job, by the queue that runs it. */
export const allJobs: readonly RunnableJob<Context>[] = [
  runnable(finalizedHeaders),
  runnable(epochs),
  runnable(evidence),
  runnable(submitEvidence),
  runnable(freeze),
  runnable(advance),
  runnable(handover),
  runnable(seal),
  runnable(rotate),
  runnable(settle),
  runnable(reportSlashed),
  runnable(proposeResume),
  runnable(applyResume),
  runnable(send),
];

/** Jobs that repeat. */
export const WATCHERS: readonly string[] = [finalizedHeaders.name, epochs.name, evidence.name];
