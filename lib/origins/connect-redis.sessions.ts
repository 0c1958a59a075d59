import type { OriginSession, SessionOrigin } from '../core/session-origin.js';

/** A client of ioredis, or one of node-redis: any command can be sent by it. @public */
export type ConnectRedisClient =
  | { call(command: string, ...args: (string | number)[]): Promise<unknown> }
  | { sendCommand(args: string[]): Promise<unknown> };

/** Where connect-redis keeps sessions. @public */
export interface ConnectRedisOptions {
  /** A client that is connected; it stays the application's own. */
  readonly client: ConnectRedisClient;
  /** As given to connect-redis. @defaultValue 'sess:' */
  readonly prefix?: string | undefined;
}

const DEFAULT_PREFIX = 'sess:';
/** Keys that a server looks at in one step. */
const SCAN_COUNT = 500;

/** Writes a key while it holds what was read of it; an empty text: while there is none. */
const WRITE = `if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

/**
 * The sessions of connect-redis 7 to 10, read in its own format: one key for each, JSON in it, its life is the key's.
 *
 * @remarks Sends GET, PTTL, DEL, SCAN, and EVAL with SET, to the server that the client is connected to.
 * @public
 */
export class ConnectRedisSessions implements SessionOrigin {
  private readonly send: (command: string, ...args: string[]) => Promise<unknown>;
  private readonly prefix: string;

  constructor({ client, prefix = DEFAULT_PREFIX }: ConnectRedisOptions) {
    this.prefix = prefix;
    this.send =
      'call' in client
        ? (command, ...args) => client.call(command, ...args)
        : (command, ...args) => client.sendCommand([command, ...args]);
  }

  async read(sid: string): Promise<OriginSession | null> {
    const key = this.prefix + sid;
    const [text, left] = await Promise.all([this.send('GET', key), this.send('PTTL', key)]);
    if (typeof text !== 'string') return null;
    const life = Number(left);
    // It has expired between the two: -2.
    if (life === -2) return null;
    return { data: objectIn(text), remainingMs: life < 0 ? null : life, revision: text };
  }

  async write(
    sid: string,
    data: Readonly<Record<string, unknown>>,
    lifeMs: number,
    before: OriginSession | null,
  ): Promise<boolean> {
    const life = String(Math.max(1, Math.ceil(lifeMs)));
    const revision = typeof before?.revision === 'string' ? before.revision : '';
    return (await this.send('EVAL', WRITE, '1', this.prefix + sid, revision, JSON.stringify(data), life)) === 1;
  }

  async remove(sid: string): Promise<void> {
    await this.send('DEL', this.prefix + sid);
  }

  async *ids(): AsyncIterable<readonly string[]> {
    const pattern = `${this.prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
    let cursor = '0';
    do {
      const reply = await this.send('SCAN', cursor, 'MATCH', pattern, 'COUNT', String(SCAN_COUNT));
      const [next, keys] = reply as [unknown, unknown[]];
      cursor = String(next);
      yield keys.map((key) => String(key).slice(this.prefix.length));
    } while (cursor !== '0');
  }
}

/** What is no JSON object has no fields: its user signs in again. */
function objectIn(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
