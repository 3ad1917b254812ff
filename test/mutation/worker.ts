import { TestProcess } from "./testProcess.ts";

/** A process of the campaign: told what to run by messages, it answers each with one. */

export type Order =
  | { readonly kind: "record" }
  | { readonly kind: "run"; readonly beneficiary: string; readonly titles: readonly string[] };

const [, , mode, ...files] = process.argv;
const tests = new TestProcess();
await tests.load(mode === "record", files);
process.on("message", (order: Order) => {
  void perform(order).then(
    (answer) => process.send?.({ answer }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ answer: "ready" });

async function perform(order: Order): Promise<unknown> {
  if (order.kind === "record") return tests.record();
  return tests.run(order.beneficiary, new Set(order.titles));
}
