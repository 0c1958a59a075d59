import type { KeyListener, KeyWatch, KeyWatchRequest } from '../../core/key-watch.js';
import { parseInfo } from '../connection/node-report.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import { INVALIDATION_CHANNEL, RedisConnection, type RedisConnectionOptions } from '../connection/redis-connection.js';
import { meaningOf } from '../connection/server-reply.js';

/** What a feed needs to know. @internal */
export interface InvalidationFeedParts extends KeyWatchRequest {
  /** As for the primary itself. */
  readonly connection: RedisConnectionOptions;
  /** Resolves once it is certain that nobody but the node in use acknowledged a change before the call. */
  readonly confirm: () => Promise<unknown>;
  /** Told when the server, or the way to it, does not allow a feed. */
  readonly onRefused: (reason: string) => void;
}

const REMEDY = 'or leave `nearCache` out';

/**
 * Hears from the primary in use which keys have changed: a connection of its own that tracks them by their prefix.
 *
 * @remarks
 * `BCAST`, not `REDIRECT` from the connection that reads: the server keeps nothing for each key, no connection but this one
 * has to be prepared, and tracking ends with the very connection that would deliver its messages. It redirects to itself,
 * which is how RESP2 is told of changes. Never `NOLOOP`: a change of our own must drop what any of our instances has.
 *
 * @internal
 */
export class InvalidationFeed implements KeyWatch {
  readonly #listener: KeyListener;
  #connection: RedisConnection | null = null;
  #isTelling = false;
  #provenAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: InvalidationFeedParts) {
    this.#listener = parts.listener;
  }

  get provenAt(): number {
    return this.#provenAt;
  }

  /** A primary is in use from now on: what was read from the one before may be outdated. */
  follow(node: PrimaryNode): void {
    this.leave();
    this.#listener.onChange(null);
    void this.#open(node);
  }

  /** None is in use any more. */
  leave(): void {
    this.#stop('the primary is not in use any more');
  }

  async #open(node: PrimaryNode): Promise<void> {
    const { connection: options } = this.parts;
    const connection = new RedisConnection(node.choice.address, { ...options, node: { ...options.node, protocol: 2 } });
    this.#connection = connection;
    connection.onInvalidation((keys) => {
      if (this.#connection === connection) this.#listener.onChange(keys);
    });
    connection.onLost(({ reason }) => {
      if (this.#connection !== connection) return;
      this.#stop(reason);
      this.#later(() => this.#open(node));
    });
    try {
      await connection.connect();
      const refusal = await this.#begin(connection, node);
      if (refusal === null) await this.#prove(connection);
      else this.#refuse(connection, refusal);
    } catch (error) {
      // Whatever else went wrong, the connection is of no use; its loss is what makes another one.
      connection.destroy((error as Error).message);
    }
  }

  /** Why this server does not tell of changes, or `null` when it does. @throws ConnectionLostError */
  async #begin(connection: RedisConnection, node: PrimaryNode): Promise<string | null> {
    try {
      const [id, info] = await Promise.all([connection.call('client', 'id'), connection.call('info', 'server')]);
      const runId = parseInfo(info).get('run_id');
      if (runId === undefined || node.runId === null) {
        return `INFO does not tell the server's run_id; grant \`+info\` to the Redis user, ${REMEDY}`;
      }
      if (runId !== node.runId) {
        return `two connections to ${node.key} lead to two servers; give \`redis\` an address that leads to one, ${REMEDY}`;
      }
      const tracking = ['tracking', 'on', 'redirect', String(id), 'bcast', 'prefix', this.parts.prefix];
      await connection.call('client', ...tracking);
      await connection.call('subscribe', INVALIDATION_CHANNEL);
      return null;
    } catch (error) {
      if (meaningOf(error) !== 'final') throw error;
      return refusalOf(error as Error);
    }
  }

  /** Proves again and again that changes arrive, for as long as the connection lives. */
  async #prove(connection: RedisConnection): Promise<void> {
    const askedAt = performance.now();
    // The answer stands behind all that was told before it. A primary that is none any more ends the feed by itself.
    const [, confirmed] = await Promise.all([
      connection.call('ping'),
      this.parts.confirm().then(
        () => true,
        () => false,
      ),
    ]);
    if (this.#connection !== connection) return;
    if (confirmed) {
      this.#provenAt = askedAt;
      if (!this.#isTelling) this.#listener.onStart();
      this.#isTelling = true;
    }
    this.#later(() =>
      this.#prove(connection).catch((error: unknown) => {
        connection.destroy((error as Error).message);
      }),
    );
  }

  #refuse(connection: RedisConnection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#stop(reason);
    this.#listener.onRefused(reason);
    this.parts.onRefused(reason);
  }

  #stop(reason: string): void {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = null;
    connection?.destroy(reason);
    if (this.#isTelling) this.#listener.onStop();
    this.#isTelling = false;
  }

  #later(run: () => Promise<void>): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void run(), this.parts.proofPeriodMs);
  }
}

function refusalOf({ message }: Error): string {
  const remedy = message.startsWith('NOPERM')
    ? `grant \`+client|id +client|tracking +subscribe +info &${INVALIDATION_CHANNEL}\` to the Redis user`
    : 'client-side caching needs Redis 6 or newer';
  return `the server refuses it (${message}); ${remedy}, ${REMEDY}`;
}
