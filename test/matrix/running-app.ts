import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import type { SentinelClientOptions } from '../../tools/redis-lab/sentinel-topology.js';

const ANSWER_TIMEOUT_MS = 15_000;

/** A consumer's application, as a process of its own. */
export interface RunningApp {
  readonly url: string;
  /** Everything it has printed but its address. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts what a build has made. */
export async function startApp(
  file: string,
  {
    node,
    platform,
    redis,
  }: { readonly node: string; readonly platform: string; readonly redis: SentinelClientOptions },
): Promise<RunningApp> {
  const { sentinels, name } = redis;
  // A CommonJS application that requires Nest 12 is warned of require(esm) by Node 20; that is between Nest and Node.
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', file], {
    cwd: dirname(file),
    env: { ...process.env, NODE_ENV: 'production', PLATFORM: platform, TOPOLOGY: JSON.stringify({ sentinels, name }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let output = '';
  const stop = async () => {
    child.kill('SIGTERM');
    // One that does not end by itself must not outlive the test; it is a fault all the same.
    const killer = setTimeout(() => {
      output += 'the application did not end after SIGTERM';
      child.kill('SIGKILL');
    }, ANSWER_TIMEOUT_MS);
    await exited;
    clearTimeout(killer);
  };
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /listening on (\S+)\n/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    void exited.then(() => reject(new Error(`the application ended before it listened: ${output}`)));
  });
  return { url, output: () => output.replace(/^listening on .*\n/m, ''), stop };
}

/** Uses the application as a browser does: signs in, changes, reads, signs out. */
export async function useApp({ url }: RunningApp): Promise<void> {
  let cookie = '';
  const send = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/api/${path}`, {
      method,
      headers: { cookie, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const [line] = response.headers.getSetCookie();
    if (line !== undefined) cookie = line.split(';')[0] ?? '';
    return response.json();
  };
  expect(await send('GET', 'me')).toEqual({ name: null, cart: [] });
  expect(await send('POST', 'login')).toEqual({ stored: true });
  const signedIn = cookie;
  expect(await send('POST', 'cart', { item: 'apple' })).toEqual({ items: 1 });
  expect(await send('POST', 'cart', { item: 'pear' })).toEqual({ items: 2 });
  expect(await send('GET', 'me')).toEqual({ name: 'ada', cart: ['apple', 'pear'] });
  expect(await send('GET', 'count')).toEqual({ sessions: 1 });
  expect(await send('GET', 'health')).toMatchObject({ details: { sessions: { status: 'up' } } });
  expect(await send('GET', 'operate/api/snapshot')).toMatchObject({ application: 'packed', live: 1 });
  expect(await send('POST', 'logout')).toEqual({ ended: true });
  cookie = signedIn;
  expect(await send('GET', 'me')).toEqual({ name: null, cart: [] });
  expect(await send('GET', 'count')).toEqual({ sessions: 0 });
}

/** What the application has printed and should not have: warnings of Node and of packages. */
export function complaintsIn(app: RunningApp): string[] {
  // The log's advice on a lab's servers is meant (docs/doctor.md).
  const isAdvice = (line: string): boolean => line.includes('[Session packed]') || line.startsWith('- ');
  return app
    .output()
    .split('\n')
    .filter((line) => line !== '' && !isAdvice(line));
}
