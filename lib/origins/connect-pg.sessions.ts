import type { OriginSession, SessionOrigin } from '../core/session-origin.js';

/** A pool or client of `pg`: whatever runs a query with values. @public */
export interface ConnectPgClient {
  query(
    text: string,
    values: unknown[],
  ): Promise<{ readonly rows: readonly unknown[]; readonly rowCount: number | null }>;
}

/** Where connect-pg-simple keeps sessions. @public */
export interface ConnectPgOptions {
  /** It stays the application's own. */
  readonly pool: ConnectPgClient;
  /** As given to connect-pg-simple. @defaultValue 'session' */
  readonly tableName?: string | undefined;
  /** As given to connect-pg-simple. */
  readonly schemaName?: string | undefined;
}

const PAGE_COUNT = 500;

/** What is left of a row's life. */
const LEFT_MS = 'EXTRACT(EPOCH FROM (expire - LOCALTIMESTAMP)) * 1000';
const LATER = `LOCALTIMESTAMP + $3::double precision * INTERVAL '1 millisecond'`;

/**
 * The sessions of connect-pg-simple, in its table of PostgreSQL: `sid`, `sess`, `expire`.
 *
 * @public
 */
export class ConnectPgSessions implements SessionOrigin {
  private readonly pool: ConnectPgClient;
  private readonly table: string;

  constructor({ pool, tableName = 'session', schemaName }: ConnectPgOptions) {
    this.pool = pool;
    this.table = [schemaName, tableName].flatMap((name) => (name === undefined ? [] : quoted(name))).join('.');
  }

  async read(sid: string): Promise<OriginSession | null> {
    const text = `SELECT sess, sess::text AS revision, ${LEFT_MS} AS life FROM ${this.table} WHERE sid = $1 AND expire > LOCALTIMESTAMP`;
    const { rows } = await this.pool.query(text, [sid]);
    const [row] = rows as { sess: Record<string, unknown>; revision: string; life: string | number }[];
    return row ? { data: row.sess, remainingMs: Number(row.life), revision: row.revision } : null;
  }

  async write(
    sid: string,
    data: Readonly<Record<string, unknown>>,
    lifeMs: number,
    before: OriginSession | null,
  ): Promise<boolean> {
    const values = [sid, JSON.stringify(data), Math.max(1, lifeMs)];
    const { rowCount } = before
      ? await this.pool.query(
          `UPDATE ${this.table} SET sess = $2::json, expire = ${LATER} WHERE sid = $1 AND sess::text = $4`,
          [...values, before.revision],
        )
      : await this.pool.query(
          `INSERT INTO ${this.table} AS old (sid, sess, expire) VALUES ($1, $2::json, ${LATER})
           ON CONFLICT (sid) DO UPDATE SET sess = EXCLUDED.sess, expire = EXCLUDED.expire WHERE old.expire <= LOCALTIMESTAMP`,
          values,
        );
    return rowCount === 1;
  }

  async remove(sid: string): Promise<void> {
    await this.pool.query(`DELETE FROM ${this.table} WHERE sid = $1`, [sid]);
  }

  async *ids(): AsyncIterable<readonly string[]> {
    const text = `SELECT sid FROM ${this.table} WHERE sid > $1 AND expire > LOCALTIMESTAMP ORDER BY sid LIMIT ${PAGE_COUNT}`;
    for (let last: string | undefined = ''; last !== undefined;) {
      const { rows } = await this.pool.query(text, [last]);
      const page = (rows as { sid: string }[]).map(({ sid }) => sid);
      yield page;
      last = page.at(-1);
    }
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
