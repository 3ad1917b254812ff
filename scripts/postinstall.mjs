// Runs after `npm ci` and `npm install` under any Node >= 18 and npm >= 10.
//
// Hardhat needs Node >= 22.13. The project carries a current Node as an optional platform package, and this script
//  1. links it into node_modules/.bin, so that every `npm run` and `npx` uses it;
//  2. repeats the install once under that Node if npm left out Hardhat's native binding: npm skips optional packages
//     whose `engines` refuse the Node that runs npm itself.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";

const root = process.cwd();
const NODE_PACKAGES = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];

function projectNode() {
  return NODE_PACKAGES.map((name) => join(root, "node_modules", name, "bin", "node")).find(existsSync);
}

function linkProjectNode() {
  const target = projectNode();
  if (target === undefined || process.platform === "win32") return target;
  const bin = join(root, "node_modules", ".bin");
  const link = join(bin, "node");
  mkdirSync(bin, { recursive: true });
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) rmSync(link);
  symlinkSync(relative(bin, target), link);
  return target;
}

function bindingLoads(node) {
  return spawnSync(node, ["-e", "require('@nomicfoundation/edr')"], { cwd: root, stdio: "ignore" }).status === 0;
}

if (process.env.CREMA_REINSTALL === undefined) {
  const node = linkProjectNode() ?? process.execPath;
  if (!bindingLoads(node)) {
    const npm = process.env.npm_execpath;
    const result = spawnSync(node, [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, CREMA_REINSTALL: "1" },
    });
    linkProjectNode();
    if (result.status !== 0 || !bindingLoads(node)) {
      console.error("crema: Hardhat's native binding (@nomicfoundation/edr) could not be installed for this platform");
      process.exit(1);
    }
  }
}
