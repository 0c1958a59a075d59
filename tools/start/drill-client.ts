import type { DrillTally } from './drill-tally.js';

/** Longer than the longest time the portal may hold a request. */
const REQUEST_TIMEOUT_MS = 20_000;

/** An answer, or none. */
export interface DrillAnswer {
  readonly status: number;
  readonly location: string | null;
  readonly body: string;
}

/** One browser: sends each request to the other instance than the last one, and keeps its cookie. */
export class DrillClient {
  cookie = '';
  readonly #instances: readonly string[];
  readonly #tally: DrillTally;
  #turn: number;

  constructor(instances: readonly string[], tally: DrillTally, turn: number) {
    this.#instances = instances;
    this.#tally = tally;
    this.#turn = turn;
  }

  /** The signed session id, as Redis knows the session. */
  get sid(): string {
    return /^[^=]+=s:(.+)\.[^.]+$/.exec(decodeURIComponent(this.cookie))?.[1] ?? '';
  }

  /** Reads; what a user may see is one of `expected`. Counts the request; `undefined` when it failed. */
  get(path: string, ...expected: number[]): Promise<DrillAnswer | undefined> {
    return this.#send('GET', path, undefined, ({ status }) => expected.includes(status));
  }

  /**
   * Sends a form, which leads to another page or, when the session is gone, to 401. Counts the request; `undefined` when it
   * failed.
   */
  post(path: string, form: Record<string, string>, leadsTo: string): Promise<DrillAnswer | undefined> {
    const isRight = ({ status, location }: DrillAnswer) => (status === 303 && location === leadsTo) || status === 401;
    return this.#send('POST', path, new URLSearchParams(form), isRight);
  }

  async #send(
    method: string,
    path: string,
    body: URLSearchParams | undefined,
    isRight: (answer: DrillAnswer) => boolean,
  ): Promise<DrillAnswer | undefined> {
    const instance = this.#instances[this.#turn++ % this.#instances.length] ?? '';
    const startedAt = performance.now();
    const tookMs = () => Math.round(performance.now() - startedAt);
    try {
      const response = await fetch(instance + path, {
        method,
        redirect: 'manual',
        headers: { accept: 'application/json', cookie: this.cookie },
        ...(body && { body }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const answer = {
        status: response.status,
        location: response.headers.get('location'),
        body: await response.text(),
      };
      for (const cookie of response.headers.getSetCookie()) this.cookie = cookie.split(';')[0] ?? '';
      if (isRight(answer)) {
        this.#tally.answered(tookMs());
        return answer;
      }
      this.#tally.failed(tookMs(), `${method} ${path}: ${answer.status} ${answer.location ?? ''} after ${tookMs()} ms`);
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      this.#tally.failed(tookMs(), `${method} ${path}: ${String(cause)} after ${tookMs()} ms`);
    }
    return undefined;
  }
}
