import type { Complaint } from "../network.ts";
import type { PeerId } from "../../../src/network/transport.ts";
import type { Violation } from "./violation.ts";

/** Nobody honest is scored for what an honest node says, whatever the network did to it on the way. */
export function checkSlander(complaints: readonly Complaint[], honest: ReadonlySet<PeerId>): Violation[] {
  return complaints
    .filter(({ by, against, offence }) => honest.has(by) && honest.has(against) && offence !== "slow-answer")
    .map(({ by, against, offence }) => ({ property: "slander", detail: `${by} holds ${offence} against ${against}` }));
}
