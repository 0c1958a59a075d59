import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isBackground, traceCommands } from '../redis-meter.js';
import type { CommandTrace, RedisMeter } from '../redis-meter.js';
import type { LoadResult, Operation } from './load.js';
import { logIn, runInSequence, runLoad } from './load.js';
import type { Cell, CellGroup, HttpPlan } from './plan.js';
import { groupsOf } from './plan.js';
import type { ServerProcess } from './server-process.js';
import { startServer } from './server-process.js';
import type { BenchServers, ServerPlace } from './servers.js';
import type { Variant } from './variants.js';

/** One measurement: a variant on a cell in one fresh process. */
export interface HttpSample extends Cell, LoadResult {
  readonly variant: string;
  readonly round: number;
  /** Of the server process per request. @unit microseconds */
  readonly cpuMicros: number;
  /** What Redis did per request, or `null` without Redis. */
  readonly redis: RedisPerRequest | null;
  /** CPU of load generator while it ran, as a share of its core: near 1 it is the bottleneck. */
  readonly loadShare: number;
  readonly rssBytes: number;
}

export interface RedisPerRequest {
  /** Sent by clients, connections' upkeep included. */
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** @unit microseconds */
  readonly cpuMicros: number;
}

/** Figures that are the same in every run: one connection, one request after the other. */
export interface ExactSample {
  readonly variant: string;
  readonly operation: Operation;
  readonly bytes: number;
  /** Per request, by name. */
  readonly sent: Readonly<Record<string, number>>;
  readonly inScripts: Readonly<Record<string, number>>;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface HttpResults {
  readonly samples: readonly HttpSample[];
  readonly exact: readonly ExactSample[];
}

interface Context {
  readonly plan: HttpPlan;
  readonly servers: BenchServers;
  readonly profileDirectory: string | undefined;
  readonly samples: HttpSample[];
  readonly exact: ExactSample[];
  /** What a variant sends itself for an operation; `INFO` counts what its scripts do as well. */
  readonly sentNames: Map<string, Set<string>>;
}

/** Users with sessions of one size. */
interface Users {
  readonly bytes: number;
  readonly cookies: readonly string[];
  /** What is measured of them. */
  readonly operations: ReadonlySet<Operation>;
}

/** Requests under way at the end of a stretch are let go and end by themselves. */
const SETTLE_MS = 60;
/** So that all connections are open and in the rhythm of the cell. */
const CELL_WARM_UP_MS = 100;
const EXACT_WINDOWS = 3;

/** Measures all variants on all cells, round by round, each time in a fresh process. */
export async function runHttpBench(options: {
  readonly plan: HttpPlan;
  readonly variants: readonly Variant[];
  readonly servers: BenchServers;
  readonly profileDirectory?: string | undefined;
  readonly progress: (text: string) => void;
}): Promise<HttpResults> {
  const { plan, variants, servers, profileDirectory, progress } = options;
  const context: Context = {
    plan,
    servers,
    profileDirectory,
    samples: [],
    exact: [],
    sentNames: new Map(),
  };
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const group of groupsOf(plan)) {
      // Another one goes first each round, so that no drift of the machine favours anybody.
      for (const variant of rotated(variants, round)) {
        if (group.isDelayed && variant.uses === 'nothing') continue;
        progress(`round ${round + 1}/${plan.rounds}${group.isDelayed ? ' +5 ms' : ''}  ${variant.label}`);
        await measureGroup(context, variant, group, round);
      }
    }
  }
  return { samples: context.samples, exact: context.exact };
}

async function measureGroup(context: Context, variant: Variant, group: CellGroup, round: number): Promise<void> {
  const place = context.servers.placeOf(variant, group.isDelayed);
  await place.meter.flush();
  const server = await startServer({ variant: variant.name, redis: place.target });
  try {
    for (const [index, bytes] of [...new Set(group.cells.map((cell) => cell.bytes))].entries()) {
      const cells = group.cells.filter((cell) => cell.bytes === bytes);
      const connections = Math.max(...cells.map((cell) => cell.connections));
      const cookies = await logIn(server.origin, connections, bytes);
      const users = { bytes, cookies, operations: new Set(cells.map((cell) => cell.operation)) };
      if (round === 0 && variant.uses !== 'nothing')
        await measureExactly(context, variant, group, place, server, users);
      await warmUp(context.plan, users, server, index === 0 ? context.plan.firstWarmUpMs : context.plan.warmUpMs);
      for (const cell of cells) {
        const own = cookies.slice(0, cell.connections);
        await runLoad({ ...cell, origin: server.origin, cookies: own, durationMs: CELL_WARM_UP_MS });
        context.samples.push(await measureCell(context, variant, cell, round, place, server, own));
      }
    }
  } finally {
    await server.stop();
  }
}

async function warmUp(
  plan: HttpPlan,
  { bytes, cookies, operations }: Users,
  server: ServerProcess,
  limitMs: number,
): Promise<void> {
  for (const operation of operations) {
    const load = { operation, bytes, origin: server.origin, cookies, connections: cookies.length };
    const target = (await server.usage()).requests + plan.warmUpRequests;
    const deadline = performance.now() + limitMs;
    while ((await server.usage()).requests < target && performance.now() < deadline) {
      await runLoad({ ...load, durationMs: Math.min(200, limitMs) });
    }
  }
}

async function measureExactly(
  context: Context,
  variant: Variant,
  group: CellGroup,
  { primary, meter }: ServerPlace,
  { origin }: ServerProcess,
  { bytes: size, cookies, operations }: Users,
): Promise<void> {
  const { exactCount } = context.plan;
  for (const operation of operations) {
    const run = (): Promise<void> => runInSequence(origin, operation, exactCount, cookies[0] ?? '', size);
    await run();
    const trace = await traceCommands(primary, run);
    context.sentNames.set(`${variant.name} ${operation}`, new Set(trace.sent.keys()));
    if (group.isDelayed) continue;
    const bytes = await leastBytes(meter, exactCount, run);
    context.exact.push({
      variant: variant.name,
      operation,
      bytes: size,
      ...perRequest(trace, exactCount),
      ...bytes,
    });
  }
}

/** Pings and Sentinels' questions fall into some windows and only add: the least is what the requests themselves need. */
async function leastBytes(
  meter: RedisMeter,
  count: number,
  run: () => Promise<void>,
): Promise<Pick<ExactSample, 'bytesIn' | 'bytesOut'>> {
  const windows = [];
  for (let i = 0; i < EXACT_WINDOWS; i += 1) windows.push((await meter.during(run)).used);
  return {
    bytesIn: Math.min(...windows.map((used) => used.bytesIn)) / count,
    bytesOut: Math.min(...windows.map((used) => used.bytesOut)) / count,
  };
}

function perRequest(
  { sent, inScripts }: CommandTrace,
  count: number,
): Pick<ExactSample, 'sent' | 'inScripts' | 'commands'> {
  const divided = (calls: ReadonlyMap<string, number>): Record<string, number> =>
    Object.fromEntries([...calls].map(([name, value]) => [name, value / count]));
  return {
    sent: divided(sent),
    inScripts: divided(inScripts),
    commands: [...sent.values()].reduce((sum, value) => sum + value, 0) / count,
  };
}

async function measureCell(
  context: Context,
  variant: Variant,
  cell: Cell,
  round: number,
  { meter }: ServerPlace,
  server: ServerProcess,
  cookies: readonly string[],
): Promise<HttpSample> {
  const before = await server.usage();
  const { result, used } = await meter.during(async () => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const run = (): Promise<LoadResult> =>
      runLoad({ ...cell, origin: server.origin, cookies, durationMs: context.plan.measureMs });
    const { profileDirectory } = context;
    const load = await (profileDirectory === undefined
      ? run()
      : server.profile(profileFile(profileDirectory, variant, cell), run));
    const { user, system } = process.cpuUsage(cpu);
    const loadShare = (user + system) / 1_000 / (performance.now() - start);
    await delay(SETTLE_MS);
    return { ...load, loadShare };
  });
  const after = await server.usage();
  const requests = after.requests - before.requests;
  const sentNames = context.sentNames.get(`${variant.name} ${cell.operation}`);
  const commands = [...used.calls]
    .filter(([name]) => isBackground(name) || sentNames?.has(name.split('|')[0] ?? name) === true)
    .reduce((sum, [, calls]) => sum + calls, 0);
  return {
    ...cell,
    ...result,
    variant: variant.name,
    round,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / requests,
    rssBytes: after.rssBytes,
    redis:
      variant.uses === 'nothing'
        ? null
        : {
            commands: commands / requests,
            bytesIn: used.bytesIn / requests,
            bytesOut: used.bytesOut / requests,
            cpuMicros: used.cpuMicros / requests,
          },
  };
}

function profileFile(directory: string, { name }: Variant, { operation, bytes, connections, isDelayed }: Cell): string {
  return join(
    directory,
    `${operation}-${bytes / 1_024}KB-${connections}${isDelayed ? '-delayed' : ''}-${name}.cpuprofile`,
  );
}

function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, index) => items[(index + by) % items.length]!);
}
