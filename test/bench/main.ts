/** `npm run bench -- <what> [--name value …]`: each benchmark prints one JSON object as its last line. */
const BENCHMARKS: Readonly<Record<string, string>> = {
  consensus: "./consensus.ts",
  cost: "./cost.ts",
  network: "./network.ts",
  relayer: "./relayer.ts",
  join: "./join.ts",
  wan: "./wan.ts",
};

const [, , name = "", ...rest] = process.argv;
const file = BENCHMARKS[name];
if (file === undefined) {
  console.error(`which benchmark? one of: ${Object.keys(BENCHMARKS).join(", ")}`);
  process.exit(2);
}
process.argv = [process.argv[0] ?? "node", file, ...rest];
await import(file);
