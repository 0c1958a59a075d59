import type { Provider } from '@nestjs/common';
import { SESSION_LINK, SESSION_OPTIONS, SESSION_REPOSITORY } from './core/session.tokens.js';
import { inBackground } from './core/background-link.js';
import type { SessionLink } from './core/session-link.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import { SessionEvents } from './session.events.js';
import { SESSION_WORK } from './session.worker.js';
import type { SessionWork } from './session.worker.js';
import { RedisEventSource } from './stats/event-source.js';
import { InstallationStats } from './stats/installation-stats.js';
import { LocalEventSource } from './stats/local-event-source.js';
import { LocalSessionLease, RedisSessionLease } from './stats/session-lease.js';
import type { InstallationEventSource } from './stats/session-installation-events.js';
import { SESSION_EVENT_SOURCE, SessionInstallationEvents } from './stats/session-installation-events.js';
import type { StatsSource } from './stats/session.stats.js';
import { SESSION_STATS_SOURCE, SessionStats } from './stats/session.stats.js';
import { SessionWatch } from './stats/session-watch.js';
import { NoEventSource, NoStatsSource } from './stats/unsupported-sources.js';
import { keyLayoutOf } from './store/session-repository.factory.js';
import type { SessionRepository } from './store/session-repository.js';

/** What concerns the installation as a whole: its numbers, its events, and the work of its elected instance. @internal */
export const statsProviders: Provider[] = [
  {
    provide: SESSION_STATS_SOURCE,
    useFactory: (options: ResolvedSessionOptions, link: SessionLink | null): StatsSource => {
      const { application, redis } = options;
      if (!redis || !link) return new NoStatsSource();
      return new InstallationStats(inBackground(link), keyLayoutOf(application, redis), options);
    },
    inject: [SESSION_OPTIONS, SESSION_LINK],
  },
  {
    provide: SESSION_EVENT_SOURCE,
    useFactory: (
      { application, redis }: ResolvedSessionOptions,
      link: SessionLink | null,
      repository: SessionRepository | null,
      events: SessionEvents,
    ): InstallationEventSource => {
      if (redis && link) return new RedisEventSource(inBackground(link), keyLayoutOf(application, redis));
      if (!repository) return new NoEventSource();
      const source = new LocalEventSource();
      events.all.subscribe((event) => {
        source.emit(event);
      });
      return source;
    },
    inject: [SESSION_OPTIONS, SESSION_LINK, SESSION_REPOSITORY, SessionEvents],
  },
  {
    provide: SESSION_WORK,
    useFactory: (
      { application, redis }: ResolvedSessionOptions,
      link: SessionLink | null,
      repository: SessionRepository | null,
      stats: StatsSource,
    ): SessionWork | null => {
      if (!repository) return null;
      const isShared = redis && link;
      const lease = isShared
        ? new RedisSessionLease(inBackground(link), keyLayoutOf(application, redis).lease('worker'))
        : new LocalSessionLease();
      return { lease, jobs: stats.jobs(lease) };
    },
    inject: [SESSION_OPTIONS, SESSION_LINK, SESSION_REPOSITORY, SESSION_STATS_SOURCE],
  },
  SessionStats,
  SessionInstallationEvents,
  SessionWatch,
];
