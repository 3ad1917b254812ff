import { parentPort } from "node:worker_threads";

import { createMclBls } from "../crypto/blsMcl.ts";
import { expectPresent } from "../runtime/assert.ts";
import type { BlsAnswer, BlsJob } from "./blsPool.ts";
import { verifyBatch } from "./blsPort.ts";

/** The thread that `blsPool.ts` starts: takes jobs in order, answers each. */
const port = expectPresent(parentPort, "the port of a worker thread");
const bls = await createMclBls();

port.on("message", (job: BlsJob) => {
  port.postMessage(answerTo(job));
});

function answerTo(job: BlsJob): BlsAnswer {
  const { id } = job;
  if (job.kind === "batch") return { id, kind: "batch", verdict: verifyBatch(bls, job.digest, job.entries) };
  return { id, kind: "valid", valid: bls.verifyAggregate(job.keys, job.digest, job.signature, "vote") };
}
