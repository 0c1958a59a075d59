import { isReplyError } from './connection-lost.error.js';
import type { NodeAddress } from './node-address.js';
import type { RedisConnection } from './redis-connection.js';

/** A replica as its primary sees it. @internal */
export interface ReplicaReport {
  readonly address: NodeAddress;
  /** Bytes of the primary's stream that it has confirmed. */
  readonly offset: number;
}

/** What a data node says of itself. What it may not tell is `null`, which never counts as a "yes". @internal */
export interface NodeReport {
  readonly role: 'master' | 'slave' | null;
  /** Whether it is no data node at all. */
  readonly isSentinel: boolean;
  /** Whether it is still reading its data set and refuses commands. */
  readonly isLoading: boolean;
  /** Whom it replicates, as it names it. */
  readonly primary: NodeAddress | null;
  /** Bytes of its own stream as a primary; `null` when it may not be asked. */
  readonly offset: number | null;
  /** Replicas connected to it. */
  readonly replicas: readonly ReplicaReport[];
  /** Names the history of changes it has; changes when it is promoted. */
  readonly replicationId: string | null;
  /** The history it continued when it was promoted. */
  readonly formerReplicationId: string | null;
  /** The server's clock less `performance.now()` of this process, in milliseconds; never ahead of the truth. */
  readonly clockOffsetMs: number | null;
  /** When it was asked and when it had answered, on the clock of `performance.now()`. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/**
 * Asks a node what it is, in one round trip. An ACL that forbids `INFO`, `ROLE` or `TIME` leaves gaps, never a wrong answer.
 *
 * @throws ConnectionLostError
 * @internal
 */
export async function inquire(connection: RedisConnection): Promise<NodeReport> {
  const askedAt = performance.now();
  const ask = async (name: string, ...args: string[]): Promise<unknown> => {
    try {
      return await connection.call(name, ...args);
    } catch (error) {
      if (!isReplyError(error)) throw error;
      return error;
    }
  };
  const [ping, role, info, time] = await Promise.all([
    ask('ping'),
    ask('role'),
    ask('info', 'replication'),
    ask('time'),
  ]);
  const answeredAt = performance.now();
  const facts = parseInfo(info);
  const told = parseRole(role);
  return {
    role: told.role ?? roleOf(facts.get('role')),
    isSentinel: Array.isArray(role) && role[0] === 'sentinel',
    isLoading: ping instanceof Error && ping.message.startsWith('LOADING'),
    primary: told.primary ?? primaryOf(facts),
    offset: told.offset ?? numberOf(facts.get('master_repl_offset')),
    replicas: told.replicas ?? replicasOf(facts),
    replicationId: facts.get('master_replid') ?? null,
    formerReplicationId: facts.get('master_replid2') ?? null,
    clockOffsetMs: Array.isArray(time)
      ? Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000) - answeredAt
      : null,
    askedAt,
    answeredAt,
  };
}

/** Whether a report of a promoted node proves that it went on from the history of another. @internal */
export function continuesHistory(promoted: NodeReport | null | undefined, formerReplicationId: string | null): boolean {
  return formerReplicationId !== null && promoted?.formerReplicationId === formerReplicationId;
}

/** `INFO` as a map; empty when it was refused. @internal */
export function parseInfo(reply: unknown): ReadonlyMap<string, string> {
  if (typeof reply !== 'string') return new Map();
  const lines = reply.split('\r\n').map((line) => [line, line.indexOf(':')] as const);
  return new Map(lines.flatMap(([line, at]) => (at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [])));
}

/** What `ROLE` says; empty when it was refused. @internal */
export interface ToldRole {
  readonly role: NodeReport['role'];
  readonly primary?: NodeAddress | undefined;
  readonly offset?: number | undefined;
  readonly replicas?: readonly ReplicaReport[] | undefined;
}

/** Reads the reply to `ROLE`: `[master, offset, [[ip, port, offset] …]]` or `[slave, ip, port, state, offset]`. @internal */
export function parseRole(reply: unknown): ToldRole {
  if (!Array.isArray(reply)) return { role: null };
  const [role, second, third] = reply as unknown[];
  if (role === 'master') {
    const replicas: unknown[] = Array.isArray(third) ? third.filter(Array.isArray) : [];
    return {
      role,
      offset: Number(second),
      replicas: (replicas as unknown[][]).map(([host, port, offset]) => ({
        address: { host: String(host), port: Number(port) },
        offset: Number(offset),
      })),
    };
  }
  if (role === 'slave') return { role, primary: { host: String(second), port: Number(third) } };
  return { role: null };
}

function roleOf(text: string | undefined): NodeReport['role'] {
  return text === 'master' || text === 'slave' ? text : null;
}

/** `slave0:ip=10.0.0.2,port=6379,state=online,offset=1234,lag=0` */
function replicasOf(facts: ReadonlyMap<string, string>): readonly ReplicaReport[] {
  return [...facts].flatMap(([name, text]) => {
    const match = /^ip=(.*),port=(\d+),state=online,offset=(\d+)/.exec(/^slave\d+$/.test(name) ? text : '');
    if (!match) return [];
    return [{ address: { host: match[1] ?? '', port: Number(match[2]) }, offset: Number(match[3]) }];
  });
}

function primaryOf(facts: ReadonlyMap<string, string>): NodeAddress | null {
  const host = facts.get('master_host');
  const port = facts.get('master_port');
  return host !== undefined && port !== undefined ? { host, port: Number(port) } : null;
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
