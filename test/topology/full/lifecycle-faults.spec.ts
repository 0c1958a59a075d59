import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import type { AppProcess, AppResponse } from '../app-process.js';
import { SessionLedger } from '../checker.js';
import { FaultLab, type FaultLabOptions } from '../fault-lab.js';
import { readTruth } from '../truth.js';

async function startLab({ onTestFinished }: TestContext, options: FaultLabOptions): Promise<FaultLab> {
  const lab = await FaultLab.start(options);
  onTestFinished(() => lab.stop());
  return lab;
}

async function logIn(app: AppProcess, user: string): Promise<SessionLedger> {
  const response = await app.call('POST', '/login', { body: { user } });
  expect(response.status).toBe(201);
  return new SessionLedger(user, response.cookie ?? '');
}

function change(app: AppProcess, session: SessionLedger, field: string): Promise<AppResponse> {
  return app.call('POST', '/change', { cookie: session.cookie, body: { field, value: 1 } });
}

async function inParallel<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  return Promise.all(items.map(act));
}

const COUNT_OF_FIELDS = 10;
const fields = Array.from({ length: COUNT_OF_FIELDS }, (_, index) => `field${index}`);

describe.concurrent('life under faults', () => {
  it(
    'holds 2,000 requests through an outage of 30 s in little memory, and does each once',
    { timeout: 120_000 },
    async (context) => {
      const lab = await startLab(context, {
        // Nobody fails over: the frozen primary is the one that returns, with everything in its socket buffers.
        topology: { downAfterMs: 120_000 },
        redis: { operationTimeoutMs: 45_000 },
      });
      const sessions = await inParallel(Array.from({ length: 200 }), () => logIn(lab.apps[0], 'somebody'));
      const before = await inParallel(lab.apps, (app) => app.ask({ type: 'memory' }, 'memory'));
      const connectionsBefore = await connectionCount(lab);
      lab.primary.freeze();
      const answers = inParallel(sessions, (session) =>
        Promise.all(fields.map((field, index) => change(lab.apps[index % 2] as AppProcess, session, field))),
      );
      await delay(30_000);
      const during = await inParallel(lab.apps, (app) => app.ask({ type: 'memory' }, 'memory'));
      lab.primary.thaw();
      const thawedAt = performance.now();
      const statuses = (await answers).flat().map(({ status }) => status);
      const recoveryMs = performance.now() - thawedAt;

      expect(statuses.filter((status) => status !== 201)).toEqual([]);
      const grownBytes = during.map(({ rssBytes }, index) => rssBytes - (before[index]?.rssBytes ?? 0));
      const connections = (await connectionCount(lab)) - connectionsBefore;
      console.info(
        `an outage of 30 s under 2,000 requests: answered ${recoveryMs.toFixed(0)} ms after its end, ` +
          `grown by ${grownBytes.map((bytes) => `${(bytes / 1_048_576).toFixed(0)} MiB`).join(' and ')}, ${connections} connections made`,
      );
      // 1,000 held HTTP requests take some 20 KiB each; a queue without bounds, or a retry that piles up, takes far more.
      for (const bytes of grownBytes) expect(bytes).toBeLessThan(150 * 1_048_576);
      // Two instances, some connections each, one attempt per second at most; not one per request.
      expect(connections).toBeLessThan(300);

      const client = lab.primary.connect();
      try {
        const truth = await readTruth('ours', client, sessions);
        const expected = Object.fromEntries(fields.map((field) => [field, 1]));
        for (const session of sessions) expect(truth(session)).toEqual({ user: 'somebody', ...expected });
      } finally {
        client.disconnect();
      }
    },
  );

  it('shuts down in the middle of a failover: what is in flight is answered, and the process ends by itself', async (context) => {
    const lab = await startLab(context, {});
    const [app] = lab.apps;
    const sessions = await inParallel(Array.from({ length: 20 }), () => logIn(app, 'somebody'));
    await lab.primary.kill();
    const answers = inParallel(sessions, (session) => change(app, session, 'field'));
    await delay(300);
    const closed = app.ask({ type: 'close' }, 'closed');
    expect((await answers).map(({ status }) => status)).toEqual(sessions.map(() => 201));
    await expectToEnd(app, (await closed).resources);
  });

  it('shuts down while no primary is in sight: everything is refused by its deadline, and the process ends by itself', async (context) => {
    const lab = await startLab(context, { redis: { operationTimeoutMs: 2_000 } });
    const [app] = lab.apps;
    const session = await logIn(app, 'somebody');
    await Promise.all([lab.primary, lab.replica, ...lab.topology.sentinels].map((server) => server.kill()));
    const answer = change(app, session, 'field');
    await delay(300);
    const closed = app.ask({ type: 'close' }, 'closed');
    expect((await answer).status).toBe(503);
    await expectToEnd(app, (await closed).resources);
  });
});

/** An instance that has closed, and what it still held then, ends by itself. */
async function expectToEnd(app: AppProcess, resources: readonly string[]): Promise<void> {
  // The channel and the three standard streams; no socket and no timer.
  expect(resources.filter((resource) => resource !== 'PipeWrap')).toEqual([]);
  await Promise.race([
    app.exited,
    delay(3_000).then(() => {
      throw new Error('The process did not end by itself');
    }),
  ]);
  expect(app.unhandled).toEqual([]);
}

async function connectionCount(lab: FaultLab): Promise<number> {
  const stats = String(await lab.primary.cli('INFO', 'stats'));
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
}
