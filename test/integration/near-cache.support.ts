import type { KeyListener, KeyWatch, KeyWatchRequest } from '../../lib/core/key-watch.js';
import type { LinkCommand, LinkCommandOptions, SessionLink } from '../../lib/core/session-link.js';
import type { NearCacheOptions } from '../../lib/options/resolved-session.options.js';
import { SESSION_DEFAULTS } from '../../lib/options/session.defaults.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { NearCache } from '../../lib/store/near-cache.js';
import { NearCacheRepository } from '../../lib/store/near-cache.repository.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';

const SETTINGS = { tombstoneMs: 60_000, userLimit: null };

/** A real link of which a test decides what arrives when. */
export interface TamperedLink extends SessionLink {
  /** From now on answers to commands are kept back: executed, but not known here. */
  holdAnswers(): void;
  /** Lets the answers that are kept back arrive, in their order, and those that follow. */
  releaseAnswers(count?: number): void;
  readonly heldCount: number;
  /** From now on no word of a change arrives; what came meanwhile is lost. */
  isDeaf: boolean;
  /** From now on nothing is proven. */
  isSilent: boolean;
  /** Added to Redis's clock. */
  aheadMs: number;
  /** Told which keys are heard to have changed, and `null` when any of them may have; after the cache itself. */
  onHeard: ((keys: readonly string[] | null) => void) | undefined;
  /** Instead of its answer the next change gets this error, though it was made. */
  failure: Error | undefined;
}

export function tamper(link: SessionLink): TamperedLink {
  const held: (() => void)[] = [];
  let isHolding = false;
  const own = {
    isDeaf: false,
    isSilent: false,
    aheadMs: 0,
    onHeard: undefined as TamperedLink['onHeard'],
    failure: undefined as Error | undefined,
    holdAnswers: () => void (isHolding = true),
    releaseAnswers(count = Infinity) {
      isHolding = count !== Infinity;
      for (const release of held.splice(0, count)) release();
    },
    async execute(command: LinkCommand, options?: LinkCommandOptions) {
      const answer = await link.execute(command, options);
      if (isHolding) await new Promise<void>((resolve) => held.push(resolve));
      const { failure } = own;
      if (failure && typeof command.run !== 'string') {
        own.failure = undefined;
        throw failure;
      }
      return answer;
    },
    nowMs: () => link.nowMs() + own.aheadMs,
    watch(request: KeyWatchRequest): KeyWatch {
      const { listener } = request;
      const tampered: KeyListener = {
        onStart: () => {
          listener.onStart();
          own.onHeard?.(null);
        },
        onStop: () => {
          listener.onStop();
          own.onHeard?.(null);
        },
        onRefused: (reason) => listener.onRefused(reason),
        onChange: (keys) => {
          if (own.isDeaf && keys !== null) return;
          listener.onChange(keys);
          own.onHeard?.(keys);
        },
      };
      const watch = link.watch({ ...request, listener: tampered });
      let provenAt = -Infinity;
      return {
        get provenAt() {
          return own.isSilent ? provenAt : (provenAt = watch.provenAt);
        },
      };
    },
  };
  return new Proxy(link, {
    get(target, name) {
      if (name === 'heldCount') return held.length;
      if (Object.hasOwn(own, name)) return own[name as keyof typeof own];
      return (Reflect.get(target, name, target) as () => unknown).bind(target);
    },
    set: (_target, name, value) => Reflect.set(own, name, value),
  }) as TamperedLink;
}

/** A repository before which a near cache stands. */
export type NearRepository = FlatRepository & { readonly cache: NearCache };

/** Sessions in Redis, without a cache. */
export function openPlain(link: SessionLink, absoluteTimeoutMs: number | null = null): FlatRepository {
  return flat(new RedisSessionRepository(link, new RedisKeyLayout('near', 1), { ...SETTINGS, absoluteTimeoutMs }));
}

/** The same behind a near cache; it may not serve yet. */
export function openNear(link: SessionLink, options: Partial<NearCacheOptions> = {}): NearRepository {
  const prefix = new RedisKeyLayout('near', 1).sessionPrefix(0);
  const cache = new NearCache(link, prefix, { ...SESSION_DEFAULTS.nearCache, ...options });
  return { ...flat(new NearCacheRepository(openPlain(link), cache)), cache };
}

/** Waits until a near cache serves. */
export async function serving({ cache }: NearRepository): Promise<void> {
  await pollUntil('the near cache serves', () => cache.status().state === 'serving', { intervalMs: 5 });
}
