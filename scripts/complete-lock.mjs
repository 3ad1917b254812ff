// Run after `npm install` changed package-lock.json: `node scripts/complete-lock.mjs`.
//
// A registry that lacks some optional platform packages makes npm write a lock that npm >= 11 then refuses
// ("Missing: <package>@ from lock file"). This adds a stub entry for each of them. Idempotent.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";
const OS = ["darwin", "linux", "win32", "android", "freebsd", "openbsd", "netbsd", "sunos", "aix", "openharmony"];
const CPU = {
  arm64: "arm64",
  x64: "x64",
  amd64: "x64",
  arm: "arm",
  armv7: "arm",
  ia32: "ia32",
  riscv64: "riscv64",
  ppc64: "ppc64",
  s390x: "s390x",
  loong64: "loong64",
};

const lock = JSON.parse(readFileSync(FILE, "utf8"));
const packages = lock.packages;

function isLocked(from, name) {
  let folder = from;
  for (;;) {
    if (packages[`${folder ? `${folder}/` : ""}node_modules/${name}`] !== undefined) return true;
    if (!folder) return false;
    const parent = folder.lastIndexOf("node_modules/");
    folder = parent > 0 ? folder.slice(0, parent - 1) : "";
  }
}

function stub(name, version, dev) {
  const words = name.split(/[/-]/);
  const os = OS.find((candidate) => words.includes(candidate));
  if (os === undefined) return undefined;
  const cpu = CPU[words.find((word) => CPU[word] !== undefined)];
  const libc = words.includes("musl") ? "musl" : words.includes("gnu") ? "glibc" : undefined;
  return {
    version,
    ...(dev && { dev: true }),
    optional: true,
    ...(cpu && { cpu: [cpu] }),
    os: [os],
    ...(os === "linux" && libc && { libc: [libc] }),
  };
}

let added = 0;
for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isLocked(path, name) || !/^\d+\.\d+\.\d+/.test(version)) continue;
    const missing = stub(name, version, entry.dev);
    if (missing === undefined) continue;
    packages[`node_modules/${name}`] = missing;
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} platform entries added`);
