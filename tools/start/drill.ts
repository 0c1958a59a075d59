import { Redis } from 'ioredis';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { pollUntil } from '../redis-lab/poll.js';
import { DrillAgreement, type KnownSessions } from './drill-agreement.js';
import type { DrillEvent, DrillPhase, DrillReport } from './drill-report.js';
import { DrillTally } from './drill-tally.js';
import { DrillUser, type DrillGate } from './drill-user.js';
import { judge, PLANNED, SIGN_OUT, type PlannedLoss } from './drill-verdict.js';
import { APPLICATION, startRedisPortalLab, type RedisPortalLab } from './portal-lab.js';

/** What the drill needs. */
export interface DrillOptions {
  readonly port?: number | undefined;
  readonly say: (text: string) => void;
  /** @defaultValue 16 */
  readonly users?: number;
  /** @defaultValue 1 */
  readonly plannedFailovers?: number;
  /**
   * A long drill: so many minutes of work with a kill after a third and a planned failover after two thirds, in which all that
   * operators are shown is compared with what the users know.
   */
  readonly minutes?: number | undefined;
  /**
   * Whether a loss in the planned failover is a fault or only told.
   *
   * @defaultValue 'fail'
   */
  readonly lossWhenPlanned?: PlannedLoss;
}

const PAUSE_MS = 60;
const STALE_MS = 3_000;
/** How long users work before and after a fault, so that the figures of a phase say something. */
const WORK_MS = 2_500;
const TIME_LIMIT_MS = 90_000;
/** For each further planned failover. */
const MORE_TIME_MS = 30_000;
/** A long drill compares everything so often, and each comparison takes its time. */
const COMPARE_EVERY_MS = 60_000;
const LONG_TIME_LIMIT_FACTOR = 2;

/**
 * Starts the portal, lets users work on both instances, and breaks Redis under them: kill -9 of the primary, its return, a
 * planned failover. After each phase the users stand still while everything acknowledged is read back through the instances
 * and directly from the primary.
 *
 * @throws Error when it cannot be carried out, or takes longer than 90 s (30 s more for each further planned failover)
 */
export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  options.say('starting Redis, Sentinels and two instances of the portal');
  const lab = await startRedisPortalLab({ port: options.port });
  const drill = new Drill(lab, options);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const limitMs =
      TIME_LIMIT_MS +
      MORE_TIME_MS * ((options.plannedFailovers ?? 1) - 1) +
      (options.minutes === undefined ? 0 : 300_000 + options.minutes * 60_000 * LONG_TIME_LIMIT_FACTOR);
    timer = setTimeout(() => reject(new Error(`The drill is not over after ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([drill.run(), limit]);
  } finally {
    clearTimeout(timer);
    await drill.sendUsersHome();
    await lab.stop();
  }
}

class Drill implements DrillGate {
  readonly #lab: RedisPortalLab;
  readonly #options: DrillOptions;
  readonly #tally = new DrillTally();
  readonly #users: DrillUser[];
  readonly #timeline: DrillEvent[] = [];
  readonly #phases: DrillPhase[] = [];
  readonly #startedAt = new Date();
  readonly #origin = performance.now();
  readonly #keys = new RedisKeyLayout(APPLICATION, 1);
  /** Resolves what waits at the gate; `undefined` while the gate is open. */
  #open: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  #standing = 0;
  #isStopping = false;
  #work: Promise<unknown> = Promise.resolve();
  readonly #agreement: DrillAgreement | undefined;
  readonly #differences: string[] = [];

  constructor(lab: RedisPortalLab, options: DrillOptions) {
    this.#lab = lab;
    this.#options = options;
    const instances = lab.instances.map(({ url }) => url);
    this.#agreement = options.minutes === undefined ? undefined : new DrillAgreement(instances);
    this.#users = Array.from(
      { length: options.users ?? 16 },
      (_, index) =>
        new DrillUser({ instances, tally: this.#tally, gate: this, index, pauseMs: PAUSE_MS, staleMs: STALE_MS }),
    );
  }

  async run(): Promise<DrillReport> {
    const { topology } = this.#lab;
    await this.#agreement?.open();
    this.#close();
    this.#work = Promise.all(this.#users.map((user) => user.work()));
    await this.#phase('all well', async () => {
      this.#note(`${this.#users.length} users sign in and work on ${this.#lab.instances.length} instances`);
    });
    const { minutes } = this.#options;
    const thirdMs = minutes === undefined ? 0 : (minutes * 60_000) / 3;
    await this.#workFor('work before the kill', thirdMs);
    const first = await topology.primary();
    await this.#phase('kill -9 of the primary', async () => {
      await first.kill('SIGKILL');
      this.#note(`primary ${first.address} killed with -9`);
      const next = await pollUntil('a promoted replica', async () => {
        const primary = await topology.primary();
        return primary !== first && primary;
      });
      this.#note(`the Sentinels agree on ${next.address}`);
    });
    await this.#phase('return of the old primary', async () => {
      await first.restart();
      this.#note(`${first.address} restarted`);
      await topology.whenStable(20_000);
      this.#note(`${first.address} is a replica in step`);
    });
    await this.#workFor('work before the planned failover', thirdMs);
    const planned = this.#options.plannedFailovers ?? 1;
    for (let number = 1; number <= planned; number++) {
      await this.#phase(planned === 1 ? PLANNED : `${PLANNED} ${number}`, () => this.#switchAsPlanned());
    }
    await this.#workFor('work to the end', thirdMs);
    await this.#compareHistory();
    await this.sendUsersHome();
    await this.#phase(SIGN_OUT, async () => {
      await Promise.all(this.#users.map((user) => user.signOut()));
      this.#note('everybody signed out');
    });
    return this.#report();
  }

  isStopping(): boolean {
    return this.#isStopping;
  }

  /** No user begins another step, and all have finished theirs. */
  async sendUsersHome(): Promise<void> {
    this.#isStopping = true;
    this.#letGo();
    await this.#work;
  }

  async pass(): Promise<void> {
    while (this.#closed) {
      this.#standing += 1;
      await this.#closed;
      this.#standing -= 1;
    }
  }

  /** Phases in which nothing is broken, until that time is over. */
  async #workFor(name: string, durationMs: number): Promise<void> {
    const until = performance.now() + durationMs;
    for (let number = 1; performance.now() < until; number++) {
      const pieceEnd = Math.min(until, performance.now() + COMPARE_EVERY_MS);
      await this.#phase(`${name} ${number}`, async () => {
        await pollUntil('time to pass', () => performance.now() >= pieceEnd, { timeoutMs: COMPARE_EVERY_MS * 2 });
      });
    }
  }

  /** At the end, while all stand still: the history must have every session. */
  async #compareHistory(): Promise<void> {
    if (!this.#agreement) return;
    this.#note('all stand still until the next sample of the history');
    this.#differences.push(...(await this.#agreement.historyDifferences(this.#known())));
  }

  #known(): KnownSessions {
    const { logins, logouts } = this.#tally.total();
    return { live: this.#signedIn().length, logins, logouts: logouts.acknowledged };
  }

  async #switchAsPlanned(): Promise<void> {
    const { topology } = this.#lab;
    this.#note('SENTINEL FAILOVER asked for');
    await topology.failover();
    this.#note(`the Sentinels agree on ${(await topology.primary()).address}`);
    await topology.whenStable(20_000);
    this.#note('the former primary is a replica in step');
  }

  /** Lets the users work while something happens, then stops them and checks everything. */
  async #phase(name: string, happening: () => Promise<void>): Promise<void> {
    this.#options.say(`${name} …`);
    const startedMs = this.#now();
    const before = await this.#liveSessions();
    this.#letGo();
    await this.#letWork();
    await happening();
    await this.#letWork();
    this.#close();
    if (!this.#isStopping)
      await pollUntil('all users to stand still', () => this.#standing === this.#users.length, { timeoutMs: 30_000 });
    for (const user of this.#users) {
      await user.readBack();
      await user.checkSignedOut();
    }
    const differences = (await this.#agreement?.differences(this.#known())) ?? [];
    this.#differences.push(...differences.map((text) => `${name}: ${text}`));
    const readDirectly = await this.#readDirectly();
    const expected = this.#signedIn().length + (this.#agreement ? 1 : 0);
    const sessions = { before, after: await this.#liveSessions(), expected };
    this.#phases.push({
      name,
      startedMs,
      durationMs: this.#now() - startedMs,
      ...this.#tally.endPhase(),
      sessions,
      readDirectly,
    });
  }

  /** Until every user can have done a few steps. */
  async #letWork(): Promise<void> {
    if (this.#isStopping) return;
    const until = performance.now() + WORK_MS;
    await pollUntil('time to pass', () => performance.now() >= until);
  }

  /** Compares what the primary holds with what was acknowledged. */
  async #readDirectly(): Promise<DrillPhase['readDirectly']> {
    return this.#onPrimary(async (redis) => {
      let different = 0;
      const users = this.#signedIn();
      for (const user of users) {
        const stored = await redis.hget(this.#keys.session(user.sid ?? '').session, 'd:changes');
        if (Number(stored ?? 0) !== user.changes) different += 1;
      }
      for (const { sid } of this.#users.flatMap((user) => user.signedOut)) {
        if ((await redis.exists(this.#keys.session(sid).session)) === 1) different += 1;
      }
      return { sessions: users.length, different };
    });
  }

  async #onPrimary<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    const { host, port } = await this.#lab.topology.primary();
    const redis = new Redis({ host, port, maxRetriesPerRequest: 1 });
    try {
      return await ask(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** As the portal's own health check counts them. */
  async #liveSessions(): Promise<number> {
    const { url } = this.#lab.instances[0] as { url: string };
    const response = await fetch(`${url}/health`);
    const { details } = (await response.json()) as { details: { sessions: { liveSessions: number } } };
    return details.sessions.liveSessions;
  }

  #signedIn(): DrillUser[] {
    return this.#users.filter((user) => user.sid !== undefined);
  }

  #close(): void {
    this.#closed = new Promise((resolve) => (this.#open = resolve));
  }

  #letGo(): void {
    this.#closed = undefined;
    this.#open?.();
  }

  #now(): number {
    return Math.round(performance.now() - this.#origin);
  }

  #note(text: string): void {
    this.#timeline.push({ atMs: this.#now(), text });
    this.#options.say(`  ${text}`);
  }

  async #report(): Promise<DrillReport> {
    const total = this.#tally.total();
    const verdict = judge(this.#phases, this.#options.lossWhenPlanned ?? 'fail');
    const faults = [...verdict.faults, ...this.#differences];
    const { tolerated } = verdict;
    return {
      passed: faults.length === 0,
      faults,
      ...(this.#agreement && { agreement: { compared: this.#agreement.compared, differences: this.#differences } }),
      tolerated,
      startedAt: this.#startedAt.toISOString(),
      durationMs: this.#now(),
      users: this.#users.length,
      instances: this.#lab.instances.map(({ url }) => url),
      redisVersion: await this.#redisVersion(),
      nodeVersion: process.version,
      timeline: this.#timeline,
      phases: this.#phases,
      total,
      errors: this.#tally.errors,
    };
  }

  async #redisVersion(): Promise<string> {
    return this.#onPrimary(async (redis) => /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown');
  }
}
