import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until the answer is there. A question that throws counts as not answered yet.
 *
 * @param what - what is awaited, for the error's message
 * @param ask - returns `undefined` or `false` while the answer is not there
 * @throws Error when there is none by the deadline, with the last error as its cause
 */
export async function pollUntil<T>(
  what: string,
  ask: () => Promise<T> | T,
  { timeoutMs = 15_000, intervalMs = 50 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = Date.now() + timeoutMs;
  for (let cause: unknown; ;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`, { cause });
    await delay(intervalMs);
  }
}
