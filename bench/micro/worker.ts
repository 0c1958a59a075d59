import { performance } from 'node:perf_hooks';
import type session from 'express-session';
import { makeSession } from '../http/session-data.js';
import { medianOf } from '../report/statistics.js';
import { destroy, get, length, liveSession, loadLive, openStore, set, touch } from './stores.js';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './worker-protocol.js';

/** A fresh process with one store, told by messages what to do. */

type Repeat = Extract<WorkerRequest, { type: 'repeat' }>;

const POPULATE_IN_FLIGHT = 256;
/** Sessions share their bulk and differ in their user: making test data must not take longer than storing it. */
const templates = new Map<number, object>();
let made = 0;

const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
const { store, close } = await openStore(settings.store, settings.redis);

process.on('message', (request: WorkerRequest | 'stop') => {
  if (request === 'stop') void stop();
  else void work(request).then((reply) => process.send?.(reply), fail);
});
process.send?.('ready');

async function work(request: WorkerRequest): Promise<WorkerReply> {
  switch (request.type) {
    case 'populate':
      return timed(() => populate(request.from, request.to, request.bytes));
    case 'repeat':
      return repeat(request);
    case 'count': {
      const times: number[] = [];
      let counted = 0;
      const reply = await timed(async () => {
        for (let i = 0; i < request.times; i += 1) {
          const start = performance.now();
          counted = await length(store);
          times.push(performance.now() - start);
        }
        return request.times;
      });
      return { ...reply, counted, medianMs: medianOf(times) };
    }
  }
}

async function populate(from: number, to: number, bytes: number): Promise<number> {
  let next = from;
  await lanes(POPULATE_IN_FLIGHT, async () => {
    while (next < to) {
      const sid = sidOf(next);
      next += 1;
      await set(store, sid, liveSession(store, sid, dataOf(bytes, sid)));
    }
  });
  return to - from;
}

async function repeat({
  operation,
  inFlight,
  bytes,
  count = Infinity,
  durationMs = Infinity,
}: Repeat): Promise<WorkerReply> {
  // Each lane is a user with a session of its own.
  const users = await Promise.all(
    Array.from({ length: inFlight }, async () => {
      const sid = sidOf(`lane${made++}`);
      await set(store, sid, liveSession(store, sid, dataOf(bytes, sid)));
      return { sid, live: await loadLive(store, sid) };
    }),
  );
  // What destroy needs is made before its clock runs.
  const victims = operation === 'destroy' ? await makeVictims(Number.isFinite(count) ? count : 20_000, bytes) : [];
  let begun = 0;
  const once = async ({ sid, live }: { sid: string; live: session.Session & { visits?: number } }): Promise<void> => {
    switch (operation) {
      case 'get':
        await get(store, sid);
        return;
      case 'change':
        live.visits = (live.visits ?? 0) + 1;
        await set(store, sid, live);
        return;
      case 'touch':
        await touch(store, sid, live);
        return;
      case 'create': {
        const fresh = sidOf(`fresh${made++}`);
        await set(store, fresh, liveSession(store, fresh, dataOf(bytes, fresh)));
        return;
      }
      case 'destroy':
        await destroy(store, victims.pop() ?? sid);
    }
  };
  const end = performance.now() + durationMs;
  return timed(async () => {
    let user = 0;
    await lanes(inFlight, async () => {
      const own = users[user++]!;
      while (begun < count && performance.now() < end && (operation !== 'destroy' || victims.length > 0)) {
        begun += 1;
        await once(own);
      }
    });
    return begun;
  });
}

async function makeVictims(count: number, bytes: number): Promise<string[]> {
  const from = made;
  made += count;
  let next = 0;
  await lanes(POPULATE_IN_FLIGHT, async () => {
    while (next < count) {
      const sid = sidOf(`victim${from + next}`);
      next += 1;
      await set(store, sid, liveSession(store, sid, dataOf(bytes, sid)));
    }
  });
  return Array.from({ length: count }, (_, index) => sidOf(`victim${from + index}`));
}

async function lanes(count: number, run: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, run));
}

async function timed(run: () => Promise<number>): Promise<WorkerReply> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const operations = await run();
  const { user, system } = process.cpuUsage(cpu);
  return { operations, elapsedMs: performance.now() - start, cpuMicros: user + system };
}

function dataOf(bytes: number, sid: string): object {
  const template = templates.get(bytes) ?? makeSession(bytes);
  templates.set(bytes, template);
  const { user } = template as { user: object };
  return { ...template, user: { ...user, id: `user-of-${sid.slice(0, 20)}` } };
}

/** As long as express-session's ids, and of this process alone. */
function sidOf(name: string | number): string {
  return `${name}-${process.pid}-`.padEnd(32, 'x');
}

async function stop(): Promise<void> {
  await close();
  process.exit(0);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
