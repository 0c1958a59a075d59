import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { Controller, Get, Module, Session } from '@nestjs/common';
import { context, metrics, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Context, ContextManager } from '@opentelemetry/api';
import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SessionModule } from '../../lib/index.js';
import { SessionMetricsModule } from '../../lib/metrics/index.js';
import type { SessionMetricsOptions } from '../../lib/metrics/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { SECRET, startHttpApp } from '../support/http-app.js';

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedisServer();
});

afterAll(async () => {
  await redis.stop();
});

afterEach(() => {
  metrics.disable();
  trace.disable();
  context.disable();
});

/** As an SDK brings one: the context of a call is that of all it starts. */
class TestContextManager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    run: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => run.apply(thisArg, args));
  }

  bind<T>(_context: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

@Controller()
class VisitsController {
  @Get('visit')
  visit(@Session() session: { visits?: number }) {
    session.visits = (session.visits ?? 0) + 1;
    return { visits: session.visits };
  }
}

const start = (options: SessionMetricsOptions) => {
  const { host, port } = redis;
  @Module({
    imports: [
      SessionModule.forRoot({ application: 'metrics', secret: SECRET, redis: { host, port } }),
      SessionMetricsModule.forRoot(options),
    ],
  })
  class Observed {}
  return startHttpApp({
    modules: [{ module: Observed }],
    controllers: [VisitsController],
    // Every request within a span, as an instrumentation of HTTP makes it.
    prepare: (app) => {
      app.use((_request: unknown, response: ServerResponse, next: () => void) => {
        trace.getTracer('test').startActiveSpan('request', (span) => {
          response.once('close', () => span.end());
          next();
        });
      });
    },
  });
};

describe('SessionMetricsModule', () => {
  it('counts operations in a given registry, without ids, and leaves it with the application', async () => {
    const registry = new Registry();
    const { app, ...http } = await start({ prometheus: { registry } });
    const client = http.client();
    for (let visit = 0; visit < 3; visit++) await client.get('/visit');
    const text = await registry.metrics();
    const valueOf = (series: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(series))
          ?.split(' ')
          .at(-1),
      );
    const count = 'session_operation_duration_seconds_count{application="metrics",operation=';
    expect(valueOf(`${count}"create",outcome="ok"}`)).toBe(1);
    expect(valueOf(`${count}"commit",outcome="ok"}`)).toBe(2);
    expect(valueOf(`${count}"load",outcome="ok"}`)).toBeGreaterThanOrEqual(2);
    expect(
      valueOf('session_live{user="anonymous"') || valueOf('session_live{application="metrics",user="anonymous"}'),
    ).toBe(1);
    const ids = ((await redis.cli('keys', '{metrics:0}:s:*')) as string[]).map((key) => key.split(':s:')[1] ?? 'none');
    for (const id of ids) expect(text).not.toContain(id);
    await app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('says so when a registry has the metrics of another SessionModule', async () => {
    const registry = new Registry();
    await start({ prometheus: { registry } });
    await expect(start({ prometheus: { registry } })).rejects.toThrow(/a registry of its own/);
  });

  it('makes metrics and spans by the names of the semantic conventions', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    const spans = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
    context.setGlobalContextManager(new TestContextManager());
    const http = await start({ prometheus: false, openTelemetry: true });
    const client = http.client();
    for (let visit = 0; visit < 2; visit++) await client.get('/visit');
    await reader.forceFlush();
    const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const byName = new Map(all.map((metric) => [metric.descriptor.name, metric]));
    const points = byName.get('db.client.operation.duration')?.dataPoints ?? [];
    const commit = points.find(({ attributes }) => attributes['db.operation.name'] === 'commit');
    expect(commit?.attributes).toMatchObject({ 'db.system.name': 'redis', 'session.outcome': 'ok' });
    expect((commit?.value as { count: number }).count).toBe(1);
    expect(byName.has('session.live')).toBe(true);
    const made = spans.getFinishedSpans().filter(({ name }) => name.startsWith('session '));
    expect(made.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['session create', 'session load', 'session commit']),
    );
    const requests = new Set(
      spans
        .getFinishedSpans()
        .filter(({ name }) => name === 'request')
        .map((span) => span.spanContext().traceId),
    );
    for (const span of made) expect(requests).toContain(span.spanContext().traceId);
  });
});
