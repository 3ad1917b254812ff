import { join } from "node:path";

import { readAddressBook, type AddressBook } from "../../l1/addressBook.ts";
import type { Layout } from "./layout.ts";
import { ROOT, runTool } from "./tools.ts";

/** Deploys with Ignition, in a process of its own, and reads the addresses it wrote. */
export async function deployContracts(layout: Layout, l1Url: string, signal: AbortSignal): Promise<AddressBook> {
  await runTool(
    "deploying the contracts",
    [
      join(ROOT, "deploy", "deploy.ts"),
      ...["--network", "local", "--confirmations", "1"],
      ...["--cluster", layout.clusterFile, "--out", layout.addressBook, "--state", layout.deploymentState],
    ],
    { L1_URL: l1Url },
    signal,
  );
  return readAddressBook(layout.addressBook);
}
