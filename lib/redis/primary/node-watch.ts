import type { NodeAddress } from '../connection/node-address.js';
import { inquire, type NodeReport } from '../connection/node-report.js';
import { RedisConnection, type RedisConnectionOptions } from '../connection/redis-connection.js';
import type { WatchPace, WatchPeriods } from './watch-pace.js';

const PERIODS: WatchPeriods = { calm: 1000, close: 500, alert: 25 };

/**
 * Keeps one small connection to a data node and asks it again and again what it is, apart from the traffic of sessions: a
 * promoted replica is noticed when it says so itself, about a second before Sentinel announces it.
 *
 * @internal
 */
export class NodeWatch {
  #connection: RedisConnection | null = null;
  #report: NodeReport | null = null;
  #silentSince = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #pace: WatchPace;
  #isAsking = false;
  /** Whether the node has something new to say, as far as it seems. */
  #isDue = false;
  #isClosed = false;

  constructor(
    readonly address: NodeAddress,
    private readonly options: RedisConnectionOptions,
    private readonly onReport: () => void,
    pace: WatchPace,
  ) {
    this.#pace = pace;
    this.#schedule(0);
  }

  /** The last answer; `null` when the node does not answer now. */
  get report(): NodeReport | null {
    return this.#report;
  }

  /** When it last stopped to answer, or became a primary; `null`: it answers and is none. */
  get lostSightAt(): number | null {
    if (this.#report?.role === 'master') return this.#report.askedAt;
    return this.#report ? null : this.#silentSince;
  }

  set pace(pace: WatchPace) {
    const isCloser = PERIODS[pace] < PERIODS[this.#pace];
    this.#pace = pace;
    if (isCloser && !this.#isAsking) this.#schedule(0);
  }

  /** Asks now. @throws ConnectionLostError */
  async ask(): Promise<NodeReport> {
    if (!this.#connection) throw new Error('not connected');
    return this.#accept(await inquire(this.#connection));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#connection?.destroy('closed');
    this.#connection = null;
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#poll(), delayMs);
  }

  async #poll(): Promise<void> {
    this.#isAsking = true;
    this.#isDue = false;
    try {
      this.#connection ??= this.#open();
      await this.#connection.connect();
      await this.ask();
    } catch {
      // Not reachable now: that is an answer, too.
      this.#lose();
    } finally {
      this.#isAsking = false;
      this.#schedule(this.#pauseMs());
    }
  }

  #pauseMs(): number {
    return this.#isDue ? 0 : PERIODS[this.#pace];
  }

  #open(): RedisConnection {
    const connection = new RedisConnection(this.address, this.options);
    connection.onLost(() => {
      if (this.#connection === connection) this.#lose();
    });
    return connection;
  }

  #lose(): void {
    this.#connection?.destroy('the node did not answer');
    this.#connection = null;
    const hadReport = this.#report !== null;
    this.#report = null;
    if (!hadReport || this.#isClosed) return;
    this.#silentSince = performance.now();
    // Sentinel ends the connections of a node that it promotes: so it is asked again at once.
    this.#isDue = true;
    if (!this.#isAsking) this.#schedule(0);
    this.onReport();
  }

  #accept(report: NodeReport): NodeReport {
    this.#report = report;
    if (!this.#isClosed) this.onReport();
    return report;
  }
}
