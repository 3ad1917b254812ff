import { z } from "zod";

import type { Context } from "../context.ts";
import { encodeReportSlashed } from "../l1/encode.ts";
import type { JobDefinition } from "../queues.ts";
import { PRIORITY, single } from "./intents.ts";
import { sendIntent } from "./send.ts";

const decimal = z.string().regex(/^\d{1,20}$/);
const reportPayload = z.object({ committee: decimal, seats: z.array(z.int().min(0).max(255)).min(1) });

/** `slashing/report-slashed`: counts slashed seats against their committee; a third ends its trust. */
export const reportSlashed: JobDefinition<z.output<typeof reportPayload>, Context> = {
  queue: "slashing",
  name: "report-slashed",
  schema: reportPayload,
  id: ({ committee, seats }) => `report-slashed-${committee}-${seats.join("-")}`,
  process: async ({ committee, seats }, context) => {
    const due = await context.l1.reportable(BigInt(committee), seats);
    if (due.length === 0) return { kind: "already-done", note: "no seat of a slashed validator" };
    const label = `report-slashed-${committee}-${due.join("-")}`;
    const data = encodeReportSlashed(BigInt(committee), due);
    return sendIntent(context, single(label, context.contracts.lightClient, data, PRIORITY.evidence));
  },
};
