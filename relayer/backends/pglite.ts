import { EventEmitter } from "node:events";
import { mkdir } from "node:fs/promises";

import { PGlite } from "@electric-sql/pglite";
import { createPostgresBackend, Queue, runMigrations, Worker, type PgQueryResult } from "bullmq";

import type { QueueBackend } from "./backend.ts";

interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** The part of a `pg.Pool` and its clients that BullMQ asks for, over the one session of an in-process PGlite. */
class PgliteClient extends EventEmitter {
  readonly #db: PGlite;
  readonly #stopListening: () => void;

  constructor(db: PGlite) {
    super();
    this.setMaxListeners(0);
    this.#db = db;
    this.#stopListening = db.onNotification((channel, payload) => {
      this.emit("notification", { channel, payload, processId: 1 });
    });
  }

  /** Rows are the caller's to type, as in `pg`. A text without values may hold several statements. */
  async query(text: string | Statement, params: readonly unknown[] = []): Promise<PgQueryResult> {
    const statement = typeof text === "string" ? text : text.text;
    const values = typeof text === "string" ? params : (text.values ?? []);
    const result =
      values.length > 0 ? await this.#db.query(statement, [...values]) : (await this.#db.exec(statement)).at(-1);
    const rows = result?.rows ?? [];
    return { rows, rowCount: result?.affectedRows || rows.length };
  }

  connect(): Promise<PgliteClient> {
    return Promise.resolve(new PgliteClient(this.#db));
  }

  release(): void {
    this.#stopListening();
    this.removeAllListeners();
  }

  end(): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}

/**
 * QUEUE-3: BullMQ's PostgreSQL backend on PGlite inside this process, for machines without a Redis: one process only.
 * `folder` holds the database; `memory://` keeps none.
 */
export async function pgliteBackend(folder: string): Promise<QueueBackend> {
  if (folder !== "memory://") await mkdir(folder, { recursive: true, mode: 0o700 });
  const db = await PGlite.create(folder);
  const pool = new PgliteClient(db);
  await runMigrations(pool);
  await db.exec("set search_path to bullmq, public");
  const clients: PgliteClient[] = [];
  const client = (): PgliteClient => {
    const made = new PgliteClient(db);
    clients.push(made);
    return made;
  };
  return {
    kind: "pglite",
    queue: (name, jobs) => new Queue(name, { connection: client(), defaultJobOptions: jobs }, createPostgresBackend),
    worker: (name, processor, settings) =>
      new Worker(name, processor, { ...settings, connection: client() }, createPostgresBackend),
    redis: undefined,
    ping: async () => {
      await db.query("select 1");
    },
    close: async () => {
      for (const made of [pool, ...clients]) made.release();
      await db.close();
    },
  };
}
