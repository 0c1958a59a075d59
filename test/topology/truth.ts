import type { Cluster, Redis } from 'ioredis';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { FAULT_APPLICATION } from './fault-app.protocol.js';
import { parseStoredSession } from '../../lib/store/redis-session.reader.js';
import type { SessionLedger } from './checker.js';

/** Top-level fields of a session as they are stored. */
export type SessionTruth = Readonly<Record<string, unknown>>;

/** A look at what a server holds, by session. */
export type Truth = (session: SessionLedger) => SessionTruth | null;

/** As by default in a Cluster. */
const CLUSTER_BUCKETS = 64;

/** Reads all sessions directly from one server, past the application. */
export async function readTruth(
  store: 'ours' | 'connect-redis',
  client: Redis,
  sessions: readonly SessionLedger[],
): Promise<Truth> {
  const layout = new RedisKeyLayout(FAULT_APPLICATION, 1);
  const pipeline = client.pipeline();
  for (const session of sessions) {
    if (store === 'ours') pipeline.hgetall(layout.session(sidOf(session.cookie)).session);
    else pipeline.get(`${FAULT_APPLICATION}:${sidOf(session.cookie)}`);
  }
  const replies = (await pipeline.exec()) ?? [];
  const truths = new Map<SessionLedger, SessionTruth | null>();
  sessions.forEach((session, index) => {
    const [error, reply] = replies[index] ?? [new Error('no reply'), null];
    if (error) throw error;
    truths.set(
      session,
      store === 'ours' ? ourFields(reply as Record<string, string>) : peerFields(reply as string | null),
    );
  });
  return (session) => truths.get(session) ?? null;
}

/** Reads all sessions from the masters of a Cluster. */
export async function readClusterTruth(cluster: Cluster, sessions: readonly SessionLedger[]): Promise<Truth> {
  const layout = new RedisKeyLayout(FAULT_APPLICATION, CLUSTER_BUCKETS);
  const truths = new Map<SessionLedger, SessionTruth | null>();
  for (const session of sessions) {
    truths.set(session, ourFields(await cluster.hgetall(layout.session(sidOf(session.cookie)).session)));
  }
  return (session) => truths.get(session) ?? null;
}

/** The cookie's value is `s:<sid>.<signature>`, URL-encoded. */
export function sidOf(cookie: string): string {
  const value = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1));
  return value.slice(2, value.lastIndexOf('.'));
}

function ourFields(hash: Record<string, string>): SessionTruth | null {
  const stored = parseStoredSession('', Object.entries(hash).flat(), 0);
  if (stored === null || typeof stored === 'string') return null;
  return Object.fromEntries([...stored.fields].map(([name, json]) => [name, JSON.parse(json) as unknown]));
}

function peerFields(json: string | null): SessionTruth | null {
  if (json === null) return null;
  const { cookie: _cookie, ...fields } = JSON.parse(json) as Record<string, unknown>;
  return fields;
}
