import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { ResumeRefusal, ResumeRequest } from "../../src/lightclient/nodeQueries.ts";
import {
  ADMIN_BODY_BYTES_MAX,
  AdminError,
  adminSocketPath,
  askToSignResume,
  openAdminSocket,
} from "../../src/node/adminSocket.ts";
import { CommitteeId } from "../../src/protocol/scalars.ts";

let directory: string;
let asked: ResumeRequest[];
let refusal: ResumeRefusal | undefined;
let socket: { close(): Promise<void> };

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "crema-admin-"));
  asked = [];
  refusal = undefined;
  // What a process that was killed leaves in the directory.
  writeFileSync(adminSocketPath(directory), "");
  socket = await openAdminSocket(directory, {
    signResume: (given) => {
      asked.push(given);
      return Promise.resolve(refusal);
    },
  });
});
afterEach(async () => {
  await socket.close();
  rmSync(directory, { recursive: true, force: true });
});

const block = `0x${"ab".repeat(32)}`;

function post(path: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: adminSocketPath(directory), path, method: "POST" }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

describe("admin socket", () => {
  it("RESUME-9: is open to its own account only, and takes the operator's decision to the node", async () => {
    expect(statSync(adminSocketPath(directory)).mode & 0o777).toBe(0o600);
    expect(await askToSignResume(directory, { epoch: "20", block, committee: "9" })).toBeNull();
    expect(asked).toEqual([{ epoch: 20n, block, committee: 9n }]);
  });

  it("RESUME-9: says why the node did not sign, with the values", async () => {
    refusal = { code: "unknown-committee", committee: CommitteeId(9n) };
    const answer = await askToSignResume(directory, { epoch: "20", block, committee: "9" });
    expect(answer).toEqual({ code: "unknown-committee", committee: "9" });
  });

  it("RESUME-9: refuses what is malformed, too long or unknown; the node hears nothing of it", async () => {
    await expect(askToSignResume(directory, { epoch: "x", block, committee: "9" })).rejects.toThrow(AdminError);
    const fitting = JSON.stringify({ epoch: "20", block, committee: "9" });
    expect(await post("/resume", "not JSON")).toBe(400);
    expect(await post("/resume", fitting.padEnd(ADMIN_BODY_BYTES_MAX + 1))).toBe(404);
    expect(await post("/other", fitting)).toBe(404);
    expect(asked).toEqual([]);
    expect(await post("/resume", fitting.padEnd(ADMIN_BODY_BYTES_MAX))).toBe(200);
    expect(asked).toHaveLength(1);
  });

  it("RESUME-9: says that no node answers", async () => {
    await socket.close();
    await expect(askToSignResume(directory, { epoch: "20", block, committee: "9" })).rejects.toThrow("no node answers");
    const deep = join(directory, "d".repeat(120));
    await expect(openAdminSocket(deep, { signResume: () => Promise.resolve(undefined) })).rejects.toThrow(AdminError);
  });
});
