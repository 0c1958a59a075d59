import { performance } from 'node:perf_hooks';
import autocannon from 'autocannon';

export const OPERATIONS = ['read', 'change', 'login', 'mix'] as const;

/** What the users do: `mix` is 19 reads to one change. */
export type Operation = (typeof OPERATIONS)[number];

/** How a stretch of load went, seen by the users. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  /** @unit milliseconds */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx, and connections that broke; anything but 0 makes the measurement void. */
  readonly failures: number;
}

interface Load {
  readonly origin: string;
  readonly operation: Operation;
  /** Size of the sessions that a login makes. */
  readonly bytes: number;
  /** One per connection, in turn; a login sends none. */
  readonly cookies: readonly string[];
  readonly connections: number;
  readonly durationMs: number;
}

/** Granularity of the end of a stretch; autocannon looks at its clock that often. */
const SAMPLE_MS = 50;
const CHANGE_BODY = JSON.stringify({ quantity: 3 });

/** Keeps every connection busy with one request after the other. */
export async function runLoad({
  origin,
  operation,
  bytes,
  cookies,
  connections,
  durationMs,
}: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  let client = 0;
  let failures = 0;
  const options: autocannon.Options = {
    url: origin,
    connections,
    duration: durationMs / 1_000,
    sampleInt: SAMPLE_MS,
    timeout: 30,
    setupClient: (connection) => {
      connection.setRequests(requestsOf(operation, client, cookies[client % cookies.length] ?? '', bytes));
      client += 1;
    },
  };
  // Only with a callback does it return the instance that tells of each response.
  const instance = autocannon(options, () => undefined);
  let start = performance.now();
  let end = start;
  instance.once('start', () => (start = performance.now()));
  instance.on('response', (_client, status, _bytes, latencyMs) => {
    latencies.push(latencyMs);
    if (status >= 300) failures += 1;
    end = performance.now();
  });
  instance.on('reqError', () => (failures += 1));
  await new Promise((resolve) => instance.once('done', resolve));
  latencies.sort((a, b) => a - b);
  return {
    requestsPerSecond: latencies.length / ((end - start) / 1_000),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    failures,
  };
}

/** Sends requests one after the other over one connection, for figures that are exact. */
export async function runInSequence(
  origin: string,
  operation: Operation,
  count: number,
  cookie: string,
  bytes: number,
): Promise<void> {
  const requests = requestsOf(operation, 0, cookie, bytes);
  for (let i = 0; i < count; i += 1) {
    const { method, path, headers, body } = requests[i % requests.length]!;
    const response = await fetch(origin + path, { method, headers, body: body ?? null });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}`);
  }
}

/** Logs users in. @returns their cookies; empty texts where the variant has no sessions */
export async function logIn(origin: string, count: number, bytes: number): Promise<string[]> {
  const cookies: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const response = await fetch(`${origin}/login?bytes=${bytes}`, { method: 'POST' });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`login answered ${response.status}`);
    cookies.push(response.headers.get('set-cookie')?.split(';')[0] ?? '');
  }
  return cookies;
}

interface SentRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

function requestsOf(operation: Operation, client: number, cookie: string, bytes: number): SentRequest[] {
  const headers = cookie === '' ? {} : { cookie };
  const read: SentRequest = { method: 'GET', path: '/read', headers };
  const change: SentRequest = {
    method: 'POST',
    path: '/change',
    headers: { ...headers, 'content-type': 'application/json' },
    body: CHANGE_BODY,
  };
  switch (operation) {
    case 'read':
      return [read];
    case 'change':
      return [change];
    case 'login':
      return [{ method: 'POST', path: `/login?bytes=${bytes}`, headers: {} }];
    case 'mix':
      // Out of step, or all connections would change at the same time.
      return Array.from({ length: 20 }, (_, i) => ((i + client) % 20 === 19 ? change : read));
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
