import type { Cluster } from 'ioredis';
import type { RedactedCommand } from '../connection/redacted-command.js';
import { ClusterReplication } from '../replication/cluster-replication.js';
import { ClientRoute, type ClientRouteParts } from './client-route.js';
import type { Operation } from './operation.js';
import type { RouteListener } from './route.js';

/** What the route to a Cluster is made of. @internal */
export interface ClusterRouteParts extends ClientRouteParts<Cluster> {
  /** Whether a change must reach replicas, and at least one in any case; `null`: the master alone is enough. */
  readonly replication: { readonly isStrict: boolean } | null;
}

/**
 * The route to a Redis Cluster, over an ioredis Cluster of our own: the servers of a slot confirm its changes.
 *
 * @internal
 */
export class ClusterRoute extends ClientRoute<Cluster> {
  readonly #replication: ClusterReplication | null;
  /** What each node said last that could not be used, by its address; emptied once the Cluster is usable. */
  readonly #troubles = new Map<string, string>();

  constructor({ replication, ...parts }: ClusterRouteParts, listener: RouteListener) {
    super(parts, listener);
    this.#replication =
      replication &&
      new ClusterReplication(
        parts.client,
        replication.isStrict,
        (reply) => this.withinAttempt(reply),
        (isAlone) => {
          if (isAlone) listener.onDegraded('cluster', 'the Cluster lists no replica for a slot');
          else listener.onRecovered('cluster');
        },
      );
    // The client is ours, and emits nothing else that says which node is wrong.
    parts.client.on('node error', (error: Error, address: string) => {
      this.#troubles.set(address, error.message);
    });
    parts.client.on('ready', () => {
      this.#troubles.clear();
    });
  }

  override get trouble(): Error | null {
    const said = [...this.#troubles].map(([address, message]) => `Redis ${address}: ${message}`);
    return said.length === 0 ? super.trouble : new Error(said.join('; '));
  }

  override close(): void {
    super.close();
    this.client.disconnect();
  }

  protected override async confirm(command: RedactedCommand, operation: Operation): Promise<void> {
    await this.#replication?.confirm(command, () => !operation.isSettled);
  }
}
