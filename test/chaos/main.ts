/** `npm run chaos -- <what> [--name value …]`: each campaign prints one JSON object as its last line. */
const CAMPAIGNS: Readonly<Record<string, string>> = {
  relayer: "./relayer.ts",
};

const [, , name = "", ...rest] = process.argv;
const file = CAMPAIGNS[name];
if (file === undefined) {
  console.error(`which campaign? one of: ${Object.keys(CAMPAIGNS).join(", ")}`);
  process.exit(2);
}
process.argv = [process.argv[0] ?? "node", file, ...rest];
await import(file);
