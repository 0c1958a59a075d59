import type { RedisProcess } from '../redis-lab/redis-server.js';
import type { SentinelTopology } from '../redis-lab/sentinel-topology.js';

/** What can be done to a node. */
export const NODE_ACTIONS = ['kill', 'freeze', 'thaw', 'restart'] as const;

/** A node as the panel shows it. */
export interface LabNodeState {
  readonly id: string;
  readonly address: string;
  readonly kind: 'redis' | 'sentinel';
  readonly state: 'running' | 'frozen' | 'down';
  /** `former`: calls itself a primary, but the Sentinels name another. Empty when nobody knows. */
  readonly role: 'primary' | 'former' | 'replica' | 'sentinel' | '';
}

/** Something that happened. */
export interface LabEvent {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** What the panel shows. */
export interface LabState {
  readonly nodes: readonly LabNodeState[];
  readonly events: readonly LabEvent[];
}

const KEPT_EVENTS = 200;

/** Breaks and mends the nodes of a lab, and tells how they are. */
export class LabControl {
  readonly #topology: SentinelTopology;
  readonly #nodes: readonly {
    readonly id: string;
    readonly kind: LabNodeState['kind'];
    readonly process: RedisProcess;
  }[];
  readonly #events: LabEvent[] = [];
  #primary: string | undefined;

  constructor(topology: SentinelTopology) {
    this.#topology = topology;
    this.#nodes = [
      ...topology.nodes.map((process, index) => ({ id: `redis-${index + 1}`, kind: 'redis' as const, process })),
      ...topology.sentinels.map((process, index) => ({
        id: `sentinel-${index + 1}`,
        kind: 'sentinel' as const,
        process,
      })),
    ];
  }

  /** @throws RangeError when there is no such node or action, or when it makes no sense now */
  async act(id: string, action: string): Promise<void> {
    const process = this.#nodes.find((node) => node.id === id)?.process;
    if (!process) throw new RangeError(`There is no node ${id}`);
    const known = NODE_ACTIONS.find((name) => name === action);
    if (!known) throw new RangeError(`Known are ${NODE_ACTIONS.join(', ')}`);
    if (known === 'restart' ? process.running : !process.running) {
      throw new RangeError(process.running ? `${id} is running` : `${id} is down`);
    }
    if (known === 'kill') await process.kill('SIGKILL');
    else if (known === 'restart') await process.restart();
    else process[known]();
    this.note(
      `${id} ${{ kill: 'killed (kill -9)', freeze: 'frozen (SIGSTOP)', thaw: 'goes on (SIGCONT)', restart: 'restarted' }[known]}`,
    );
  }

  /** Asks a Sentinel for a planned failover; returns once it has agreed to do it. @throws RangeError when it refuses */
  async failover(): Promise<void> {
    const sentinel = this.#topology.sentinels.find((candidate) => candidate.running && !candidate.frozen);
    if (!sentinel) throw new RangeError('No Sentinel is running');
    try {
      await sentinel.cli('SENTINEL', 'FAILOVER', this.#topology.name);
    } catch (error) {
      throw new RangeError(`Sentinel refuses: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    this.note('planned failover asked for');
  }

  note(text: string): void {
    this.#events.push({ at: Date.now(), text });
    this.#events.splice(0, this.#events.length - KEPT_EVENTS);
  }

  async state(): Promise<LabState> {
    const named = await this.#namedPrimary();
    const nodes = await Promise.all(
      this.#nodes.map(async ({ id, kind, process }): Promise<LabNodeState> => {
        const state = process.running ? (process.frozen ? 'frozen' : 'running') : 'down';
        const role = state !== 'running' ? '' : kind === 'sentinel' ? 'sentinel' : await roleOf(process, named);
        return { id, kind, address: process.address, state, role };
      }),
    );
    const primary = nodes.find((node) => node.role === 'primary')?.id;
    if (primary !== undefined && primary !== this.#primary) {
      if (this.#primary !== undefined) this.note(`${primary} is the primary now`);
      this.#primary = primary;
    }
    return { nodes, events: [...this.#events] };
  }

  /** What most of the Sentinels that answer call the primary. */
  async #namedPrimary(): Promise<string | undefined> {
    const answering = this.#topology.sentinels.filter((sentinel) => sentinel.running && !sentinel.frozen);
    const answers = await Promise.allSettled(
      answering.map((sentinel) => sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#topology.name)),
    );
    const named = answers.flatMap((answer) =>
      answer.status === 'fulfilled' && Array.isArray(answer.value) ? [answer.value.join(':')] : [],
    );
    return named.find((address) => named.filter((other) => other === address).length * 2 > named.length);
  }
}

async function roleOf(process: RedisProcess, named: string | undefined): Promise<LabNodeState['role']> {
  try {
    const [role] = (await process.cli('ROLE')) as [string];
    if (role !== 'master') return 'replica';
    return named === undefined || named === process.address ? 'primary' : 'former';
  } catch {
    // It was killed or frozen while it was asked.
    return '';
  }
}
