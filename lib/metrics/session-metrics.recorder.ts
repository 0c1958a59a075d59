import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import type { Registry } from 'prom-client';
import {
  SESSION_EVENTS,
  SESSION_LINK,
  SESSION_OBSERVERS,
  SESSION_OPTIONS,
  SESSION_REPOSITORY,
} from '../core/session.tokens.js';
import type { SessionEventSource } from '../core/session-events.js';
import type { SessionLink } from '../core/session-link.js';
import type { SessionObservers } from '../core/session-observer.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import { SessionStats } from '../stats/session.stats.js';
import type { SessionRepository } from '../store/session-repository.js';
import { EventTally } from './event-tally.js';
import { MetricStateReader } from './metric-state.js';
import { OpenTelemetryWindow } from './open-telemetry-window.js';
import { PrometheusWindow } from './prometheus-window.js';
import type { SessionMetricsOptions } from './session-metrics.options.js';

/** Injection token of the options. @internal */
export const SESSION_METRICS_OPTIONS = Symbol.for('nestjs-ha-session:metrics-options');

/** Opens the windows that are asked for on the one model, and closes them with the application. @internal */
@Injectable()
export class SessionMetricsRecorder implements OnModuleInit, OnApplicationShutdown {
  private readonly stops: (() => void)[] = [];

  constructor(
    @Inject(SESSION_METRICS_OPTIONS) private readonly options: SessionMetricsOptions,
    @Inject(SESSION_OPTIONS) private readonly sessions: ResolvedSessionOptions,
    @Inject(SESSION_OBSERVERS) private readonly observers: SessionObservers,
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SESSION_EVENTS) private readonly events: SessionEventSource,
    @Inject(SessionStats) private readonly stats: SessionStats,
  ) {}

  async onModuleInit(): Promise<void> {
    const { link, repository, stats } = this;
    const tally = new EventTally();
    const reader = new MetricStateReader({ link, repository, stats, tally });
    const events = this.events.all.subscribe(tally.take);
    this.stops.push(() => {
      events.unsubscribe();
      reader.close();
    });
    if (link) this.stops.push(tally.follow(link));
    for (const window of await this.open(reader)) {
      this.stops.push(this.observers.add(window));
      const stop = link?.on('failover', ({ noticedMs, durationMs }) => {
        window.failedOver(noticedMs + durationMs);
      });
      this.stops.push(() => {
        stop?.();
        window.close();
      });
    }
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops) stop();
  }

  private async open(reader: MetricStateReader): Promise<(PrometheusWindow | OpenTelemetryWindow)[]> {
    const { prometheus = true, openTelemetry = false } = this.options;
    const { application } = this.sessions;
    const windows: (PrometheusWindow | OpenTelemetryWindow)[] = [];
    if (prometheus !== false) {
      const prom = await required('prometheus', 'prom-client', 'Histogram', () => import('prom-client'));
      const registry = prometheus === true ? prom.register : (prometheus.registry as unknown as Registry);
      if (registry.getSingleMetric('session_live')) {
        throw fault('prometheus', 'has the metrics of another SessionModule: give each one a registry of its own.');
      }
      windows.push(new PrometheusWindow(prom, registry, application, reader));
    }
    if (openTelemetry) {
      const api = await required('openTelemetry', '@opentelemetry/api', 'SpanKind', () => import('@opentelemetry/api'));
      windows.push(new OpenTelemetryWindow(api, application, reader));
    }
    return windows;
  }
}

/** An optional peer; `sign` is one of its exports. */
async function required<T extends object>(
  path: string,
  name: string,
  sign: keyof T,
  load: () => Promise<T>,
): Promise<T> {
  try {
    const module = (await load()) as T & { readonly default?: T };
    // A CommonJS module may have its exports on `default` alone; a real one may have a `default` with a part of them.
    return sign in module ? module : (module.default ?? module);
  } catch {
    throw fault(path, `needs the package ${name}: npm install ${name}`);
  }
}

function fault(path: string, message: string): SessionConfigurationError {
  return new SessionConfigurationError([{ path, message }]);
}
