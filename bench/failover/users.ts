import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { logIn } from '../http/load.js';

/** Users who change their session all the time, and what they saw. */
export interface Users {
  /** Whether a change was acknowledged after this moment. @param at - on the clock of `performance.now()` */
  hasSucceededAfter(at: number): boolean;
  /** Longest time after `since` in which no change was acknowledged; the end counts as one. @unit milliseconds */
  pauseMs(since: number): number;
  /** Answers other than 2xx, and answers that did not come. */
  readonly failures: number;
  readonly acknowledged: number;
  stop(): Promise<void>;
  /** Acknowledged changes that the session does not have. @param origin - of a server that was not there during the fault */
  lost(origin: string): Promise<number>;
}

const USER_COUNT = 4;
const SESSION_BYTES = 512;
/** Between the answer and the user's next change. @unit milliseconds */
const THINK_MS = 4;
/** When a user gives up. @unit milliseconds */
const PATIENCE_MS = 12_000;

export async function startUsers(origin: string): Promise<Users> {
  const cookies = await logIn(origin, USER_COUNT, SESSION_BYTES);
  const successes: number[] = [];
  /** The highest number of visits that each user was told. */
  const told = cookies.map(() => 0);
  const stopping = new AbortController();
  let [failures, acknowledged] = [0, 0];

  const change = async (user: number): Promise<void> => {
    const headers = { cookie: cookies[user]!, 'content-type': 'application/json' };
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      const response = await fetch(`${origin}/change`, { method: 'POST', headers, body: '{}', signal });
      const body = (await response.json()) as { visits?: number };
      if (!response.ok) throw new Error(`answered ${response.status}`);
      // A user whose session is gone starts again at 1, and has lost all before.
      told[user] = Math.max(told[user]!, body.visits ?? 0);
      acknowledged += 1;
      successes.push(performance.now());
    } catch {
      if (stopping.signal.aborted) return;
      failures += 1;
      await delay(20);
    }
  };
  const users = cookies.map(async (_, user) => {
    while (!stopping.signal.aborted) {
      await change(user);
      await delay(THINK_MS);
    }
  });

  return {
    hasSucceededAfter: (at) => (successes.at(-1) ?? 0) > at,
    pauseMs: (since) => {
      const first = successes.findLast((at) => at <= since) ?? since;
      const moments = [first, ...successes.filter((at) => at > since), performance.now()];
      return Math.max(...moments.slice(1).map((at, index) => at - moments[index]!));
    },
    get failures() {
      return failures;
    },
    get acknowledged() {
      return acknowledged;
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(users);
    },
    lost: async (freshOrigin) => {
      let lost = 0;
      for (const [user, cookie] of cookies.entries()) {
        const response = await fetch(`${freshOrigin}/read`, { headers: { cookie } });
        const { visits = 0 } = (await response.json()) as { visits?: number };
        lost += Math.max(0, told[user]! - visits);
      }
      return lost;
    },
  };
}
