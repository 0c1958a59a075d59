import { setTimeout as delay } from 'node:timers/promises';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { AppProcess, AppResponse } from './app-process.js';
import { SessionLedger } from './checker.js';

/** How the users behave. */
export interface WorkloadOptions {
  /** @defaultValue 16 */
  readonly users?: number;
  /** A user's pause between two steps. @defaultValue 100 @unit milliseconds */
  readonly pauseMs?: number;
  /** Steps between login and logout; 0: users do nothing else than log in and out. @defaultValue 12 */
  readonly steps?: number;
}

/** A response that neither did what was asked nor said 503. */
export interface FailedRequest {
  readonly what: string;
  readonly atMs: number;
}

/** Users who log in, change their sessions, read them and log out, over two instances of the application. */
export class Workload {
  readonly sessions: SessionLedger[] = [];
  readonly failed: FailedRequest[] = [];
  /** Requests answered 503, in words. */
  readonly refused: string[] = [];
  /** 503 that lacked `Retry-After` or told too much. */
  readonly badRefusals: string[] = [];
  /** Reads that showed less than had been acknowledged before they were sent. */
  staleReads = 0;
  /** The same by age: for how long the change had been acknowledged that was missing. @unit milliseconds */
  readonly staleAgesMs: number[] = [];
  readonly acknowledged = { logins: 0, changes: 0, logouts: 0 };
  slowestMs = 0;
  /** Acknowledged changes by instance: when each came, on the clock of `performance.now()`. */
  readonly acknowledgedAt: { readonly app: AppProcess; readonly at: number }[] = [];
  /** When a change of a session was acknowledged last, on the clock of `performance.now()`. */
  readonly #changedAt = new Map<SessionLedger, number>();
  readonly #users: Promise<void>[] = [];
  #isStopping = false;

  constructor(
    private readonly apps: readonly [AppProcess, AppProcess],
    private readonly options: WorkloadOptions = {},
  ) {
    for (let number = 0; number < (options.users ?? 16); number++) this.#users.push(this.#live(number));
  }

  /** The longest time from `since` on without any acknowledged change. @unit milliseconds */
  pauseMs(since: number, until = performance.now()): number {
    let [longest, last] = [0, since];
    for (const { at } of this.acknowledgedAt) {
      if (at < since || at > until) continue;
      longest = Math.max(longest, at - last);
      last = at;
    }
    return Math.max(longest, until - last);
  }

  /** Waits until each of the instances has acknowledged a change sent from now on. */
  async whenServing(apps: readonly AppProcess[] = this.apps, timeoutMs = 30_000): Promise<void> {
    const since = performance.now();
    while (!apps.every((app) => this.acknowledgedAt.some((entry) => entry.at > since + 200 && entry.app === app))) {
      if (performance.now() - since > timeoutMs)
        throw new Error(`An instance acknowledged nothing for ${timeoutMs} ms`);
      await delay(20);
    }
  }

  /** Waits until some users are on their second session: all kinds of steps have happened by then. */
  async whenInFullSwing(timeoutMs = 30_000): Promise<void> {
    await pollUntil('a user to log in again', () => this.acknowledged.logins > (this.options.users ?? 16), {
      timeoutMs,
    });
  }

  /** No user starts anything new. */
  leave(): void {
    this.#isStopping = true;
  }

  /** No user starts anything new; returns when all requests are answered. */
  async stop(): Promise<void> {
    this.leave();
    await Promise.all(this.#users);
  }

  async #live(number: number): Promise<void> {
    const { pauseMs = 100, steps = 12 } = this.options;
    // Spread out, so that not all users act in the same millisecond.
    await delay((pauseMs * number) / (this.options.users ?? 16));
    let previous: SessionLedger | undefined;
    for (let round = 0; !this.#isStopping; round++) {
      const session = await this.#login(number, round, previous);
      previous = undefined;
      let isSignedIn = true;
      const count = steps === 0 ? 0 : steps + (number % 5);
      for (let step = 0; session && step < count && !this.#isStopping; step++) {
        await delay(pauseMs);
        isSignedIn = await this.#step(session, number + round, step);
        if (!isSignedIn) break;
      }
      await delay(pauseMs);
      if (!session || !isSignedIn || this.#isStopping) continue;
      // Every third session ends by a login over it, which must end it as surely as a logout.
      if ((number + round) % 3 === 2 && session.end === 'none') previous = session;
      else if (session.end === 'none') await this.#logout(session, number + round);
    }
  }

  async #login(number: number, round: number, previous: SessionLedger | undefined): Promise<SessionLedger | undefined> {
    const user = `user-${number}-${round}`;
    const response = await this.#call(number + round, 'login', { user }, previous?.cookie);
    if (response?.status !== 201 || !response.cookie) {
      if (previous) previous.end = 'uncertain';
      if (response?.status === 201) this.#fail('a login without a cookie');
      return undefined;
    }
    this.acknowledged.logins++;
    const isDegraded = this.#isDegraded(number + round);
    if (previous) previous.end = 'acknowledged';
    if (previous) previous.isEndDegraded = isDegraded;
    const session = new SessionLedger(user, response.cookie);
    session.isBeginDegraded = isDegraded;
    this.sessions.push(session);
    return session;
  }

  /** One thing a user does; `false` when the session is not usable any more. */
  async #step(session: SessionLedger, salt: number, step: number): Promise<boolean> {
    if (step % 4 === 3) return this.#read(session, salt + step);
    if (step % 5 === 4) {
      // Two tabs at the same moment on two instances: both changes must stay.
      const both = await Promise.all([this.#change(session, 'left', salt), this.#change(session, 'right', salt + 1)]);
      return both.every((alive) => alive);
    }
    return this.#change(session, `field${step % 3}`, salt + step);
  }

  async #change(session: SessionLedger, field: string, salt: number): Promise<boolean> {
    const ledger = session.fields.get(field);
    const value = Math.max(ledger?.acknowledged ?? 0, ...(ledger?.uncertain ?? [])) + 1;
    const response = await this.#call(salt, 'change', { field, value }, session.cookie);
    if (response?.status === 201) {
      session.acknowledge(field, value, this.#isDegraded(salt));
      this.#changedAt.set(session, performance.now());
      this.acknowledged.changes++;
      this.acknowledgedAt.push({ app: this.#app(salt), at: performance.now() });
    } else {
      session.refuse(field, value);
    }
    return response?.status !== 401;
  }

  async #read(session: SessionLedger, salt: number): Promise<boolean> {
    const expected = [...session.fields].map(([field, ledger]) => [field, ledger.acknowledged] as const);
    const [sentAt, changedAt] = [performance.now(), this.#changedAt.get(session)];
    const response = await this.#call(salt, 'session', undefined, session.cookie);
    if (response?.status === 200) {
      const stored = response.body as Record<string, unknown>;
      if (expected.some(([field, value]) => Number(stored[field] ?? 0) < value)) {
        this.staleReads++;
        this.staleAgesMs.push(Math.round(sentAt - (changedAt ?? sentAt)));
      }
    }
    return response?.status !== 401;
  }

  async #logout(session: SessionLedger, salt: number): Promise<void> {
    const response = await this.#call(salt, 'logout', {}, session.cookie);
    session.end = response?.status === 201 ? 'acknowledged' : 'uncertain';
    session.isEndDegraded = this.#isDegraded(salt);
    if (response?.status === 201) this.acknowledged.logouts++;
  }

  /** Counts what is neither done nor refused; `undefined` when there was no response at all. */
  async #call(salt: number, path: string, body: unknown, cookie: string | undefined): Promise<AppResponse | undefined> {
    const app = this.#app(salt);
    const sentAt = performance.now();
    try {
      const response = await app.call(body === undefined ? 'GET' : 'POST', `/${path}`, { cookie, body });
      this.slowestMs = Math.max(this.slowestMs, performance.now() - sentAt);
      if (response.status === 503) {
        this.refused.push(`${app.name} /${path} after ${(performance.now() - sentAt).toFixed(0)} ms`);
        this.#judgeRefusal(response);
      } else if (response.status >= 300)
        this.#fail(`${app.name} /${path}: ${response.status} ${JSON.stringify(response.body)}`);
      return response;
    } catch (error) {
      this.#fail(`${app.name} /${path}: ${(error as Error).message}`);
      return undefined;
    }
  }

  #judgeRefusal(response: AppResponse): void {
    const body = JSON.stringify(response.body);
    if (!response.retryAfter) this.badRefusals.push(`no Retry-After: ${body}`);
    if (/redis|sentinel|127\.0|10\.213|at \w/i.test(body)) this.badRefusals.push(`tells too much: ${body}`);
  }

  #fail(what: string): void {
    this.failed.push({ what, atMs: Date.now() });
  }

  /** Whether the instance has said that not every replica has what it acknowledges; for a moment after that, too. */
  #isDegraded(salt: number): boolean {
    const events = this.#app(salt).linkEvents.filter(({ event }) => event !== 'lost' && event !== 'failover');
    const last = events.at(-1);
    if (last?.event === 'degraded') return true;
    return events.at(-2)?.event === 'degraded' && last !== undefined && Date.now() - last.atMs < 1_000;
  }

  #app(salt: number): AppProcess {
    return this.apps[salt % 2] as AppProcess;
  }
}
