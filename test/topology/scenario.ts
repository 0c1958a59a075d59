import type { FailoverReport } from '../../lib/core/session-link-events.js';
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { check, countDifferences, type Verdict } from './checker.js';
import { FaultLab, type FaultLabOptions } from './fault-lab.js';
import { readTruth, type Truth } from './truth.js';

/** What a scenario may cost; nothing unless said. */
export interface ScenarioExpectations {
  /** 503s: `never`; `allowed`; `required`: without one the fault was not what it should have been. @defaultValue 'never' */
  readonly refused?: 'never' | 'allowed' | 'required';
  /**
   * `documented`: this fault loses acknowledged changes and nothing a client does can save them; the test sees it happen.
   * `degraded`: it may lose what was acknowledged while the link said `degraded`, and nothing else.
   */
  readonly lost?: 'never' | 'documented' | 'degraded';
  /** Whether the primary has moved at the end. Not looked at unless given. */
  readonly failover?: boolean;
  /** Whether the link said `degraded` meanwhile. Not looked at unless given. */
  readonly degraded?: boolean;
  /** Reads that show less than was acknowledged before, by whichever instance. @defaultValue 'never' */
  readonly staleReads?: 'never' | 'allowed';
  /** Responses beside success and 503 that this fault brings, by their text. */
  readonly failures?: RegExp;
  /** The longest time without any acknowledged change, and the slowest answer. @unit milliseconds */
  readonly slowestMs?: number;
}

/** One fault, and what it may cost. */
export interface Scenario extends FaultLabOptions {
  readonly name: string;
  /** Causes the fault and returns when it has run its course; users go on all the time. */
  readonly fault: (lab: FaultLab) => Promise<void>;
  readonly expect?: ScenarioExpectations;
  /** Further looks at the lab, after everything else was found right. */
  readonly also?: (lab: FaultLab) => Promise<void> | void;
}

/** What a scenario came to. */
export interface Outcome extends Verdict {
  readonly pauseMs: number;
  /** From the beginning of the fault until a node was promoted, as that node logged it: the part that is not ours. */
  readonly promotedMs: number | undefined;
  readonly slowestMs: number;
  readonly held: number;
  readonly replayed: number;
  readonly refused: readonly string[];
  readonly failed: readonly string[];
  readonly isMoved: boolean;
  readonly isDegraded: boolean;
  readonly unhandled: readonly string[];
  /** Sessions that changed after every request had been answered. */
  readonly changedAfterwards: number;
}

/** `down-after` where nobody is to fail over: on a busy machine a healthy server may seem to be down for seconds. */
const PATIENCE_MS = 12_000;

/** Runs a scenario, prints one line, and fails where it cost more than it may. */
export async function runScenario(scenario: Scenario): Promise<void> {
  const isToStay = scenario.expect?.failover === false;
  const topology = { ...(isToStay && { downAfterMs: PATIENCE_MS }), ...scenario.topology };
  const lab = await FaultLab.start({ ...scenario, topology });
  try {
    const outcome = await observe(lab, scenario);
    judge(lab, scenario, outcome);
    await scenario.also?.(lab);
  } catch (error) {
    console.error(`${scenario.name}: the Sentinels\n${lab.sentinelStory()}`);
    for (const app of lab.apps) {
      for (const { atMs, event, payload } of app.linkEvents) {
        console.error(`${app.name} ${new Date(atMs).toISOString()} ${event} ${JSON.stringify(payload)}`);
      }
    }
    throw error;
  } finally {
    await lab.stop();
  }
}

/** Runs a scenario on a lab and says what it came to, without judging. */
export async function observe(lab: FaultLab, scenario: Scenario): Promise<Outcome> {
  const workload = await lab.startWorkload();
  const [since, sinceDate] = [performance.now(), Date.now()];
  await scenario.fault(lab);
  await workload.whenServing();
  const pauseMs = workload.pauseMs(since);
  await workload.stop();
  // Nobody is there any more to see how long the Sentinels take.
  await lab.topology.hurry();

  const rightAfter = await truthOf(lab);
  // The peer may break a response when its server is demoted meanwhile; what it has lost the servers say, too.
  const missedByApps =
    scenario.store === 'connect-redis' ? [] : check(workload.sessions, await readThroughApps(lab)).examples;
  await lab.repair();
  // Long enough for anything that still sits in a buffer, a queue or a thawed process.
  await delay(1_000);
  const atLast = await truthOf(lab);
  const reports = lab.apps.flatMap((app) =>
    app.linkEvents.filter(({ event }) => event === 'failover').map(({ payload }) => payload as FailoverReport),
  );
  const verdict = check(workload.sessions, atLast);
  const outcome: Outcome = {
    ...verdict,
    examples: [...verdict.examples, ...missedByApps.map((example) => `through the app: ${example}`)],
    pauseMs,
    promotedMs: promotedAfterMs(lab, sinceDate),
    slowestMs: workload.slowestMs,
    held: sum(reports.map(({ held }) => held)),
    replayed: sum(reports.map(({ replayed }) => replayed)),
    refused: workload.refused,
    failed: workload.failed.map(({ what }) => what),
    isMoved: (await lab.topology.primary()) !== lab.primary,
    isDegraded: lab.apps.some((app) => app.linkEvents.some(({ event }) => event === 'degraded')),
    unhandled: lab.apps.flatMap((app) => app.unhandled.map((what) => `${app.name}: ${what}`)),
    changedAfterwards: countDifferences(workload.sessions, rightAfter, atLast),
  };
  print(lab, scenario, outcome);
  record(lab, scenario, outcome);
  return outcome;
}

function judge(lab: FaultLab, scenario: Scenario, outcome: Outcome): void {
  const {
    refused = 'never',
    lost = 'never',
    staleReads = 'never',
    failures,
    failover,
    degraded,
    slowestMs,
  } = scenario.expect ?? {};
  const { badRefusals, acknowledged } = lab.workload;
  expect(acknowledged.changes, 'the users have changed something').toBeGreaterThan(20);
  expect(outcome.unhandled).toEqual([]);
  expect(badRefusals).toEqual([]);
  if (lost === 'documented') {
    expect(outcome.changesLost, 'changes that this fault loses as documented').toBeGreaterThan(0);
  } else {
    // First what was lost, and by whom: it says more than the request that noticed.
    const costs = ({ changesLost, logoutsUndone, degradedLost, ghosts, changedAfterwards, examples }: Outcome) => ({
      changesLost,
      logoutsUndone,
      degradedLost: lost === 'degraded' ? 0 : degradedLost,
      ghosts,
      changedAfterwards,
      examples,
    });
    expect(costs(outcome)).toEqual({
      changesLost: 0,
      logoutsUndone: 0,
      degradedLost: 0,
      ghosts: 0,
      changedAfterwards: 0,
      examples: [],
    });
    const failed = outcome.failed.filter((what) => !failures?.test(what));
    expect(
      failed,
      `failed requests; the instances say:\n${lab.apps.map((app) => app.log.slice(-4_000)).join('\n')}`,
    ).toEqual([]);
  }
  if (staleReads === 'never') expect(lab.workload.staleReads, 'reads that showed less than was acknowledged').toBe(0);
  if (refused === 'never') expect(outcome.refused, 'requests answered 503').toEqual([]);
  if (refused === 'required') expect(outcome.refused.length, 'requests answered 503').toBeGreaterThan(0);
  if (slowestMs !== undefined) expect(outcome.slowestMs, 'the slowest answer').toBeLessThan(slowestMs);
  if (failover !== undefined) expect(outcome.isMoved, 'the primary has moved').toBe(failover);
  if (degraded !== undefined) expect(outcome.isDegraded, 'the link was degraded').toBe(degraded);
}

/** What the primary holds now. */
async function truthOf(lab: FaultLab): Promise<Truth> {
  // After a manual failover Sentinels at their usual pace take half a minute to agree.
  const client = (await lab.topology.primary(60_000)).connect();
  try {
    return await readTruth(lab.options.store ?? 'ours', client, lab.workload.sessions);
  } finally {
    client.disconnect();
  }
}

/** What a user would see now, by turns through the one and the other instance. */
async function readThroughApps(lab: FaultLab): Promise<Truth> {
  const { sessions } = lab.workload;
  const seen = new Map<object, Record<string, unknown> | null>();
  for (let from = 0; from < sessions.length; from += 32) {
    await Promise.all(
      sessions.slice(from, from + 32).map(async (session, index) => {
        const { status, body } = await (lab.apps[index % 2] as FaultLab['apps'][0]).call('GET', '/session', {
          cookie: session.cookie,
        });
        if (status !== 200 && status !== 401) throw new Error(`A read after the fault was answered ${status}`);
        seen.set(session, status === 200 ? (body as Record<string, unknown>) : null);
      }),
    );
  }
  return (session) => seen.get(session) ?? null;
}

/** `21 Nov 2026 00:42:06.543 * MASTER MODE enabled (user request …)` */
function promotedAfterMs(lab: FaultLab, sinceDate: number): number | undefined {
  const lines = lab.topology.nodes.flatMap((node) => [
    ...node.log.matchAll(/(\d+ \w+ \d+ [\d:.]+) \* MASTER MODE enabled/g),
  ]);
  const delays = lines.map(([, date = '']) => Date.parse(date) - sinceDate).filter((delayMs) => delayMs >= 0);
  return delays.length === 0 ? undefined : Math.min(...delays);
}

function print(lab: FaultLab, { name }: Scenario, outcome: Outcome): void {
  const { changes, logins, logouts } = lab.workload.acknowledged;
  const {
    pauseMs,
    promotedMs,
    slowestMs,
    held,
    replayed,
    refused,
    failed,
    changesLost,
    logoutsUndone,
    degradedLost,
    ghosts,
    changedAfterwards,
    isDegraded,
  } = outcome;
  console.info(
    `${name}: pause ${pauseMs.toFixed(0)} ms${promotedMs === undefined ? '' : ` (promoted after ${promotedMs} ms)`}, held ${held}, replayed ${replayed}${isDegraded ? ', degraded' : ''}; ` +
      `slowest ${slowestMs.toFixed(0)} ms, acknowledged ${changes} changes ${logins} logins ${logouts} logouts; ` +
      `lost ${changesLost}, undone ${logoutsUndone}, lost while degraded ${degradedLost}, ghosts ${ghosts + changedAfterwards}, failed ${failed.length}, 503 ${refused.length}, ` +
      `stale reads ${lab.workload.staleReads}${lab.workload.staleReads > 0 ? ` (${Math.max(...lab.workload.staleAgesMs)} ms at most)` : ''}`,
  );
}

/** One line of JSON for each run, where `FAULT_OUTCOMES` names a file: `tools/fault-table.mjs` makes a table of them. */
function record(lab: FaultLab, { name }: Scenario, outcome: Outcome): void {
  const file = process.env['FAULT_OUTCOMES'];
  if (file === undefined) return;
  const { changes, logins, logouts } = lab.workload.acknowledged;
  const { changesLost, logoutsUndone, degradedLost, ghosts, changedAfterwards, failed, refused, pauseMs } = outcome;
  const line = {
    name,
    acknowledged: changes + logins + logouts,
    lost: changesLost,
    undone: logoutsUndone,
    degradedLost,
    ghosts: ghosts + changedAfterwards,
    failed: failed.length,
    stale: lab.workload.staleReads,
    staleMs: Math.max(0, ...lab.workload.staleAgesMs),
    refused: refused.length,
    pauseMs: Math.round(pauseMs),
  };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
