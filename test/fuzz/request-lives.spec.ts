import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS } from '../support/http-app.js';
import type { HttpClient } from '../support/http-client.js';
import { FUZZ_TIMEOUT_MS, Random, fuzzPlan, inParallel } from '../support/random.js';
import { moduleSite } from '../support/session-site.js';
import type { SiteRequest } from '../support/session-site.js';

/**
 * Random programs of requests against a model of a session: who changes, saves, streams, leaves, fails, in which order. Each user
 * sends one request after the other; many users at once.
 */

type Step =
  | { readonly kind: 'set'; readonly field: string; readonly value: unknown }
  | { readonly kind: 'delete' | 'push'; readonly field: string }
  | { readonly kind: 'save' | 'saveUnawaited' | 'reload' | 'regenerate' | 'destroy' }
  | { readonly kind: 'write'; readonly text: string }
  | { readonly kind: 'turn' | 'sleep' | 'abort' | 'throw' }
  | { readonly kind: 'head' };

type Data = Record<string, unknown>;

const FIELDS = ['a', 'b', 'c', 'long', 'list'] as const;
const LONG = 'x'.repeat(400);

function randomProgram(random: Random): Step[] {
  const steps: Step[] = [];
  let hasBegun = false;
  const count = 1 + random.below(10);
  for (let i = 0; i < count; i++) {
    const field = random.pick(FIELDS);
    const change = (): Step => {
      if (field === 'list') return random.oneIn(2) ? { kind: 'set', field, value: [i] } : { kind: 'push', field };
      if (random.oneIn(4)) return { kind: 'delete', field };
      const number = random.below(4);
      return {
        kind: 'set',
        field,
        value: field === 'long' ? `${LONG}${number}` : random.pick([number, `${number}`, null, { deep: number }]),
      };
    };
    const step = random.pick<() => Step>([
      change,
      change,
      change,
      change,
      () => ({ kind: 'save' }),
      () => ({ kind: 'saveUnawaited' }),
      () => ({ kind: 'reload' }),
      () => ({ kind: 'regenerate' }),
      () => ({ kind: 'destroy' }),
      () => ({ kind: 'write', text: random.pick(['', 'chunk', 'y'.repeat(100_000)]) }),
      () => ({ kind: 'head' }),
      () => ({ kind: 'turn' }),
      () => ({ kind: 'sleep' }),
      () => ({ kind: 'abort' }),
      () => ({ kind: 'throw' }),
    ])();
    // Once the head is out, no cookie can be set or cleared and no error answered, and a reload races with the commit.
    const needsHead = ['regenerate', 'destroy', 'throw', 'reload'].includes(step.kind);
    if (needsHead && (hasBegun || random.oneIn(2))) continue;
    if (step.kind === 'abort' && !random.oneIn(3)) continue;
    steps.push(step);
    if (step.kind === 'write' || step.kind === 'head') hasBegun = true;
    if (step.kind === 'throw') break;
  }
  return steps;
}

/** A session as it should be. */
interface Model {
  /** `null`: there is none. */
  stored: Data | null;
  id: string;
}

interface Outcome {
  readonly stored: Data | null;
  readonly isNew: boolean;
  readonly fails: boolean;
  /** Whether the head left before the session was stored: then no cookie names it, and only an explicit `save` stores it. */
  readonly isUnnamed: boolean;
}

/** What a program makes of a session; `live` is `null` once it was destroyed. */
function expected(program: readonly Step[], before: Data | null): Outcome {
  let stored = before && structuredClone(before);
  let live: Data | null = structuredClone(stored ?? {});
  let isNew = stored === null;
  let mustExist = stored !== null;
  let fails = false;
  let isUnnamed = false;
  for (const step of program) {
    if (live === null && !['write', 'head', 'turn', 'sleep', 'abort', 'throw'].includes(step.kind)) continue;
    switch (step.kind) {
      case 'set':
        live![step.field] = structuredClone(step.value);
        break;
      case 'delete':
        Reflect.deleteProperty(live!, step.field);
        break;
      case 'push':
        if (Array.isArray(live!['list'])) live!['list'].push('more');
        break;
      case 'save':
        if (mustExist || Object.keys(live!).length > 0) [stored, mustExist] = [structuredClone(live), true];
        break;
      // The first byte waits for the session as it is then: one that has data then is stored.
      case 'write':
      case 'head':
        mustExist ||= !isUnnamed && live !== null && Object.keys(live).length > 0;
        isUnnamed ||= !mustExist;
        break;
      case 'saveUnawaited':
        mustExist ||= Object.keys(live!).length > 0;
        break;
      case 'reload':
        if (stored) live = structuredClone(stored);
        break;
      case 'regenerate':
        // A session that is stored is moved, in one step; one that is not begins anew.
        [stored, live, isNew, mustExist] = [stored && {}, {}, true, true];
        break;
      case 'destroy':
        [stored, live, mustExist] = [null, null, false];
        break;
      case 'throw':
        fails = true;
        break;
      default:
        break;
    }
  }
  if (live === null) return { stored: null, isNew, fails, isUnnamed };
  const isStored = mustExist || (!isUnnamed && Object.keys(live).length > 0);
  return { stored: isStored ? live : null, isNew, fails, isUnnamed };
}

/** Does a program in a request; the answer is not awaited by whoever aborts. */
async function run(
  program: readonly Step[],
  request: SiteRequest,
  response: ServerResponse,
  leave: () => void,
): Promise<void> {
  const data = () => request.session as unknown as Data | undefined;
  for (const step of program) {
    const { session } = request as Partial<SiteRequest>;
    switch (step.kind) {
      case 'set':
        if (session) data()![step.field] = structuredClone(step.value);
        break;
      case 'delete':
        if (session) Reflect.deleteProperty(session, step.field);
        break;
      case 'push':
        if (session) (data()!['list'] as unknown[] | undefined)?.push('more');
        break;
      case 'save':
        await session?.save();
        break;
      case 'saveUnawaited':
        void session?.save();
        break;
      case 'reload':
        await session?.reload().catch((error: unknown) => {
          if ((error as Error).message !== 'failed to load session') throw error;
        });
        break;
      case 'regenerate':
        await session?.regenerate();
        break;
      case 'destroy':
        await session?.destroy();
        break;
      case 'write':
        response.write(step.text);
        break;
      case 'head':
        if (!response.headersSent) response.writeHead(200, { 'X-Own': 'x' });
        break;
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve));
        break;
      case 'sleep':
        await delay(3);
        break;
      case 'abort':
        leave();
        break;
      case 'throw':
        throw new Error('of the program');
    }
  }
  response.end('end');
}

/**
 * A `saveUnawaited` before a `reload` races with it: both outcomes are right. And the head waits for a save that is under way, so that
 * a session that begins meanwhile may have its cookie or not.
 */
function isRace(program: readonly Step[], before: Data | null): boolean {
  if (expected(program, before).isUnnamed) return true;
  const at = program.findIndex(({ kind }) => kind === 'saveUnawaited');
  return (
    at >= 0 && program.slice(at).some(({ kind }) => kind === 'reload' || kind === 'regenerate' || kind === 'destroy')
  );
}

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it(
    'random lives of requests leave the session that the model has',
    async () => {
      const { runs, seed } = fuzzPlan(1_000, 50);
      const lives = new Map<string, Life>();
      const site = await moduleSite(platform, () => redis).start({}, async (request, response) => {
        const [, action = '', name = ''] = (request.url ?? '').split('/');
        if (action === 'peek') {
          response.end(JSON.stringify((await peek(request.sessionStore, decodeURIComponent(name))) ?? null));
          return;
        }
        const life = lives.get(name);
        if (!life) throw new Error(`no life ${name}`);
        try {
          await run(life.program, request, response, life.leave);
        } finally {
          life.id = request.sessionID;
          life.end();
        }
      });
      const observer = site.client();
      let peeking: Promise<unknown> = Promise.resolve();
      const stored = async (id: string): Promise<Data | null> => {
        // One connection, one request at a time.
        const answer = peeking.then(() => observer.get(`/peek/${encodeURIComponent(id)}`));
        peeking = answer.catch(() => undefined);
        return (await answer).json as Data | null;
      };

      const users = 8;
      await inParallel(users, users, async (user) => {
        const browser = site.client();
        const model: Model = { stored: null, id: '' };
        for (let index = user; index < runs; index += users) {
          const random = new Random(seed + index);
          let program = randomProgram(random);
          // Nobody could find a session again whose cookie came too late.
          if (model.stored === null) program.unshift({ kind: 'set', field: 'a', value: 1 });
          if (isRace(program, model.stored)) program = program.filter(({ kind }) => kind !== 'saveUnawaited');
          const hint = `seed ${seed + index}: ${textOf(program)} on ${textOf(model.stored)}`;
          const name = String(index);
          const life = newLife(program);
          lives.set(name, life);
          const outcome = await exchange(browser, name, life);
          await life.over;
          const after = expected(program, model.stored);
          const hasLeft = outcome === 'left';
          if (!hasLeft) {
            expect(outcome.status, hint).toBe(after.fails ? 500 : 200);
            expect(outcome.isComplete, hint).toBe(true);
            if (!after.fails) expect(outcome.text === bodyOf(program), hint).toBe(true);
            const given = outcome.setCookie.filter((line) => line.startsWith('connect.sid=s%3A'));
            expect(given.length, hint).toBe(after.stored !== null && after.isNew && !after.isUnnamed ? 1 : 0);
          }
          // Whoever has left is not waited for; all others find the session as it is from the first byte of the answer on.
          if (hasLeft)
            await expect
              .poll(() => stored(life.id), { message: hint, interval: 10, timeout: 10_000 })
              .toEqual(after.stored);
          else expect(await stored(life.id), hint).toEqual(after.stored);
          if (model.id !== '' && (after.isNew || after.stored === null) && model.stored !== null)
            expect(await stored(model.id), hint).toBe(null);
          model.stored = after.isNew && (hasLeft || after.isUnnamed) ? null : after.stored;
          model.id = life.id;
          if (hasLeft && after.isNew) browser.cookies.clear();
          lives.delete(name);
        }
      });
    },
    FUZZ_TIMEOUT_MS,
  );
});

interface Life {
  readonly program: readonly Step[];
  leave: () => void;
  id: string;
  end: () => void;
  /** Resolves when the handler has settled. */
  readonly over: Promise<void>;
}

function newLife(program: readonly Step[]): Life {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => (end = resolve));
  return { program, leave: () => undefined, id: '', end, over };
}

/** For a message: without what only makes it long. */
function textOf(value: unknown): string {
  return JSON.stringify(value).replace(/(.)\1{30,}/g, '$1…');
}

function bodyOf(program: readonly Step[]): string {
  return `${program.map((step) => (step.kind === 'write' ? step.text : '')).join('')}end`;
}

async function exchange(browser: HttpClient, name: string, life: Life) {
  let hasLeft = false;
  const response = await browser
    .open(`/run/${name}`, { method: 'POST' }, (request) => {
      life.leave = () => {
        hasLeft = true;
        request.destroy();
      };
    })
    .catch((error: unknown) => {
      if (!hasLeft) throw error;
      return null;
    });
  const chunks: Buffer[] = [];
  let isComplete = true;
  try {
    for await (const chunk of response ?? []) chunks.push(chunk as Buffer);
  } catch {
    isComplete = false;
  }
  if (hasLeft || !response) return 'left' as const;
  const text = Buffer.concat(chunks).toString();
  const setCookie = response.headers['set-cookie'] ?? [];
  return { status: response.statusCode ?? 0, text, setCookie, isComplete: isComplete && response.complete };
}

/** The data of a session, `null` when there is none. */
function peek(store: Store, id: string): Promise<Data | null> {
  return new Promise((resolve, reject) => {
    store.get(id, (error: unknown, data) => {
      if (error instanceof Error) {
        reject(error);
        return;
      }
      const { cookie: _cookie, ...rest } = (data ?? {}) as unknown as Data;
      resolve(data ? rest : null);
    });
  });
}
