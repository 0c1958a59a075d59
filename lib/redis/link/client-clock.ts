import type { Cluster, Redis } from 'ioredis';

/** How often the servers are asked for the time. @unit milliseconds */
const PERIOD_MS = 10_000;

/**
 * The clock of the servers behind an ioredis client.
 *
 * @remarks Servers of a Cluster have clocks of their own: the slowest of them decides, so that nothing is executed too late.
 * @internal
 */
export class ClientClock {
  #offsetMs = Date.now() - performance.now();
  readonly #timer: NodeJS.Timeout;

  /** @param bounded - bounds the time of one question */
  constructor(
    private readonly client: Redis | Cluster,
    private readonly bounded: (reply: Promise<unknown>) => Promise<unknown>,
  ) {
    this.#timer = setInterval(() => void this.read(), PERIOD_MS).unref();
  }

  /** Redis's clock less `performance.now()`; this process's own before the first answer. @unit milliseconds */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Asks now; a failure leaves what is known. */
  async read(): Promise<void> {
    const { client } = this;
    const servers = isCluster(client) ? client.nodes('master') : [client];
    const offsets = await Promise.all(
      servers.map(async (server) => {
        const [seconds, microseconds] = (await this.bounded(server.time())) as [string, string];
        return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) - performance.now();
      }),
    ).catch(() => []);
    if (offsets.length > 0) this.#offsetMs = Math.min(...offsets);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Told by what it says, not by `instanceof`: the application may use another copy of ioredis. */
function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster;
}
