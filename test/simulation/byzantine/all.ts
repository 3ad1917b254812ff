import type { Behaviour } from "./behaviour.ts";
import { equivocatingProposer } from "./equivocatingProposer.ts";
import { equivocatingVoter } from "./equivocatingVoter.ts";
import { flooder } from "./flooder.ts";
import { garbage } from "./garbage.ts";
import { nullifyAndFinalize } from "./nullifyAndFinalize.ts";
import { silent } from "./silent.ts";
import { staleCertificates } from "./staleCertificates.ts";
import { withholder } from "./withholder.ts";
import { wrongShards } from "./wrongShards.ts";

/** Every behaviour by name; `twins` is not here, for it needs two machines (see `world.ts`). */
export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  equivocatingProposer,
  equivocatingVoter,
  flooder,
  garbage,
  nullifyAndFinalize,
  silent,
  staleCertificates,
  withholder,
  wrongShards,
};
