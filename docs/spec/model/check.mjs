// Checks the model by random exploration: `npm run model:check` at the root. Each line of PLAN names a module of votes.qnt,
// an invariant, and whether it must hold or must be violated; a check that cannot fail would prove nothing. A seed
// makes a violation that is known to be reachable quick to find again.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const SAMPLES = Number(process.env.MODEL_SAMPLES ?? 2_000);
const STEPS = 24;

const PLAN = [
  { module: "ordinary", invariant: "safe", holds: true },
  { module: "handover", invariant: "safe", holds: true },
  { module: "ordinaryBeyond", invariant: "accountable", holds: true },
  { module: "handoverBeyond", invariant: "accountable", holds: true },
  { module: "ordinaryBeyond", invariant: "agreement", holds: false, seed: "0x144de8c2f2c0f8" },
  { module: "handover", invariant: "neverFinalAgain", holds: false, seed: "0xca26020e2522b" },
  { module: "withoutSafe2", invariant: "safe", holds: false, seed: "0x77a1d463d7b20" },
  { module: "withoutSafe3", invariant: "agreement", holds: false, seed: "0x1aa030d2c43df1" },
  { module: "withoutSafe4", invariant: "agreement", holds: false, seed: "0x1b394e1fbd2b7f" },
  { module: "withoutHand2", invariant: "agreement", holds: false, seed: "0x1626b6a555147" },
];

const folder = fileURLToPath(new URL(".", import.meta.url));
const quint = createRequire(import.meta.url).resolve("@informalsystems/quint/dist/src/cli.js");

let failures = 0;
for (const { module, invariant, holds, seed } of PLAN) {
  const options = [`--main=${module}`, `--invariant=${invariant}`, `--max-samples=${SAMPLES}`, `--max-steps=${STEPS}`];
  const started = performance.now();
  const run = spawnSync(
    process.execPath,
    [quint, "run", "votes.qnt", "--backend=typescript", "--verbosity=1", ...options, ...(seed ? [`--seed=${seed}`] : [])],
    { cwd: folder, encoding: "utf8" },
  );
  const isViolated = run.stdout.includes("[violation]");
  const isFinished = isViolated || run.stdout.includes("[ok]");
  const isRight = isFinished && isViolated !== holds;
  if (!isRight) failures += 1;
  const found = isFinished ? (isViolated ? "violated" : "holds") : `did not run: ${run.stderr.trim().split("\n").at(-1)}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const [, foundSeed = ""] = /--seed=(0x[0-9a-f]+)/.exec(run.stdout) ?? [];
  console.log(`${isRight ? "ok  " : "FAIL"} ${module} ${invariant}: ${found} (${seconds} s, seed ${foundSeed})`);
}
process.exitCode = failures === 0 ? 0 : 1;
