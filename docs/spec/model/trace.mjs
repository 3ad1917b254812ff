// Writes the traces that test/consensus/model.test.ts replays on the implementation: `npm run model:trace` at the root.
// A vote is written `seat kind view block`, a certificate `kind view block`, block -1 for nullify.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PLAN = [
  { chain: "ordinary", seeds: [11, 12, 13] },
  { chain: "handover", seeds: [7, 8, 9] },
];
const TRACES = 2;
const STEPS = 20;

const folder = fileURLToPath(new URL(".", import.meta.url));
const quint = createRequire(import.meta.url).resolve("@informalsystems/quint/dist/src/cli.js");
const scratch = mkdtempSync(join(tmpdir(), "model-"));

const number = (value) => Number(value["#bigint"]);
const voteText = ({ seat, kind, view, block }) => [number(seat), kind, number(view), number(block)].join(" ");
const certificateText = ({ kind, view, block }) => [kind, number(view), number(block)].join(" ");

function shortened(state) {
  const named = Object.fromEntries(Object.entries(state).map(([key, value]) => [key.split("::").at(-1), value]));
  return {
    votes: named.votes["#set"].map(voteText).sort(),
    certificates: named.certificates["#set"].map(certificateText).sort(),
    entered: named.entered["#map"].map(([, view]) => number(view)),
    legal: named.legal["#set"].map(voteText).sort(),
  };
}

for (const { chain, seeds } of PLAN) {
  for (const seed of seeds) {
    const out = join(scratch, `${chain}-${seed}-{seq}.json`);
    const options = [`--main=${chain}Traced`, `--seed=${seed}`, `--max-steps=${STEPS}`, `--out-itf=${out}`];
    const sampling = [`--n-traces=${TRACES}`, `--max-samples=${2 * TRACES}`, "--backend=typescript", "--verbosity=0"];
    spawnSync(process.execPath, [quint, "run", "votes.qnt", ...options, ...sampling], { cwd: folder, stdio: "inherit" });
  }
}
for (const name of readdirSync(scratch)) {
  const { states } = JSON.parse(readFileSync(join(scratch, name), "utf8"));
  writeFileSync(join(folder, "traces", name), `${JSON.stringify({ states: states.map(shortened) }, null, 1)}\n`);
}
rmSync(scratch, { recursive: true });
