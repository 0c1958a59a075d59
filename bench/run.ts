import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runHttpBench } from './http/http-bench.js';
import type { HttpResults } from './http/http-bench.js';
import type { HttpPlan } from './http/plan.js';
import { ALL, FULL, QUICK, SMOKE } from './http/plan.js';
import { startServers } from './http/servers.js';
import { KNOWN_VARIANTS, VARIANTS, variantNamed } from './http/variants.js';
import { describeMachine, pinThisProcess } from './machine.js';
import { MICRO_PARTS, runMicroBench } from './micro/micro-bench.js';
import type { MicroPlan } from './micro/plan.js';
import { MICRO_FULL, MICRO_QUICK, MICRO_SMOKE } from './micro/plan.js';
import { chartOf } from './report/chart.js';
import { goalsOf, isReached } from './report/goals.js';
import type { GoalResult } from './report/goals.js';
import { httpReport } from './report/http-report.js';
import { microReport } from './report/micro-report.js';
import { profileReport } from './report/profile-report.js';
import type { BenchResults } from './report/results.js';
import { summarise } from './report/summary.js';
import { short, textTable } from './report/text-table.js';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

const USAGE = `npm run bench -- [--quick | --smoke | --all] [options]

  --quick            under 5 minutes, fewer rounds and cells
  --smoke            under 40 seconds; fails when an exact figure (commands, bytes) misses its goal
  --all              every combination; takes a night
  --only a,b         parts: http, ${MICRO_PARTS.join(', ')}
  --variants a,b     ${KNOWN_VARIANTS.map(({ name }) => name).join(', ')}
  --operations a,b   read, change, login, mix
  --sizes 0.5,4,32   KB
  --rounds n
  --seconds n        per measurement
  --profile DIR      write a CPU profile of every server on every cell, and say whose code took the time
  --name NAME        of the files in bench/results; a full run has a name by commit and Node, others write nothing without it
  --no-build         bench the build that is in dist
`;

const MODES: Readonly<Record<string, { http: HttpPlan; micro: MicroPlan }>> = {
  smoke: { http: SMOKE, micro: MICRO_SMOKE },
  quick: { http: QUICK, micro: MICRO_QUICK },
  full: { http: FULL, micro: MICRO_FULL },
  all: { http: ALL, micro: MICRO_FULL },
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    smoke: { type: 'boolean' },
    all: { type: 'boolean' },
    only: { type: 'string' },
    variants: { type: 'string' },
    operations: { type: 'string' },
    sizes: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    profile: { type: 'string' },
    name: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) process.stdout.write(USAGE);
else await main();

async function main(): Promise<void> {
  // The server gets a core for itself; the load generator, Redis and the proxy share the other.
  pinThisProcess(1);
  const mode = values.smoke ? 'smoke' : values.quick ? 'quick' : values.all ? 'all' : 'full';
  const parts = new Set(values.only?.split(',') ?? ['http', ...MICRO_PARTS]);
  const start = Date.now();
  if (values.profile !== undefined) mkdirSync(values.profile, { recursive: true });
  const progress = (text: string): void => {
    process.stderr.write(`[${short((Date.now() - start) / 1_000)} s] ${text}\n`);
  };
  const plans = MODES[mode]!;
  const http = parts.has('http') ? await runHttp(chosenCells(plans.http), progress) : null;
  const rows = http ? summarise(http.results) : [];
  const microPlan = values.rounds === undefined ? plans.micro : { ...plans.micro, rounds: Number(values.rounds) };
  const microParts = new Set(MICRO_PARTS.filter((part) => parts.has(part)));
  const micro = microParts.size > 0 ? await runMicroBench(microPlan, microParts, progress) : null;
  const goals = goalsOf(http?.results ?? null, rows, micro);
  const results: BenchResults = {
    madeAt: new Date(start).toISOString(),
    tookSeconds: Math.round((Date.now() - start) / 1_000),
    mode,
    machine: describeMachine(),
    delayedRoundTripMs: http?.delayedRoundTripMs ?? null,
    http: http ? { ...http.results, rows } : null,
    micro,
    goals,
  };
  report(results, http?.results ?? null);
  if (values.profile !== undefined) process.stdout.write(`\n${profileReport(values.profile)}\n`);
  const name = values.name ?? (mode === 'full' || mode === 'all' ? nameOf(results.machine) : undefined);
  if (name !== undefined) save(results, name);
  // Speed is nobody's assertion on a shared machine; commands and bytes are the same everywhere.
  if (mode === 'smoke' && goals.some((goal) => goal.isExact && isReached(goal) === false)) process.exitCode = 1;
}

async function runHttp(
  plan: HttpPlan,
  progress: (text: string) => void,
): Promise<{ results: HttpResults; delayedRoundTripMs: number }> {
  const variants = values.variants?.split(',').map(variantNamed) ?? VARIANTS;
  const servers = await startServers();
  try {
    const results = await runHttpBench({ plan, variants, servers, profileDirectory: values.profile, progress });
    return { results, delayedRoundTripMs: servers.delayedRoundTripMs };
  } finally {
    await servers.stop();
  }
}

function chosenCells(plan: HttpPlan): HttpPlan {
  const operations = values.operations?.split(',');
  const sizes = values.sizes?.split(',').map((size) => Number(size) * 1_024);
  return {
    ...plan,
    rounds: values.rounds === undefined ? plan.rounds : Number(values.rounds),
    measureMs: values.seconds === undefined ? plan.measureMs : Number(values.seconds) * 1_000,
    cells: plan.cells.filter(
      (cell) => (operations?.includes(cell.operation) ?? true) && (sizes?.includes(cell.bytes) ?? true),
    ),
  };
}

function report(results: BenchResults, http: HttpResults | null): void {
  const { machine, micro, goals, delayedRoundTripMs } = results;
  const blocks = [
    ...(http && results.http ? [httpReport(http, results.http.rows)] : []),
    ...(micro ? [microReport(micro)] : []),
    `Goals\n${goalTable(goals)}`,
    `${machine.cpu}, ${machine.cores} cores${machine.isPinned ? ', server pinned to core 0, load and Redis to core 1' : ', NOT pinned'}; ` +
      `Node ${machine.node}, Redis ${machine.redis}, commit ${machine.commit}` +
      (delayedRoundTripMs === null ? '' : `; round trip through the proxy ${short(delayedRoundTripMs, 1)} ms`),
  ];
  process.stdout.write(`\n${blocks.join('\n\n')}\n`);
}

function goalTable(goals: readonly GoalResult[]): string {
  return textTable(
    ['figure', 'measured', 'goal', ''],
    goals
      .filter((goal) => isReached(goal) !== null)
      .map((goal) => [
        goal.figure,
        short(goal.measured, 3),
        `${goal.isUpperBound ? '<=' : '>='} ${goal.goal}`,
        isReached(goal) ? 'reached' : 'MISSED',
      ]),
  );
}

/** By commit and Node; a second run of both has the next number. */
function nameOf({ commit, node }: BenchResults['machine']): string {
  const name = `${commit}-node${node.replace(/^v/, '').split('.')[0] ?? ''}`;
  let number = 1;
  while (existsSync(`${RESULTS}${name}-${number}.json`)) number++;
  return `${name}-${number}`;
}

function save(results: BenchResults, name: string): void {
  mkdirSync(RESULTS, { recursive: true });
  const { machine, http } = results;
  writeFileSync(`${RESULTS}${name}.json`, `${JSON.stringify(results, null, 1)}\n`);
  if (http) {
    const caption = `${machine.cpu}, Node ${machine.node}, Redis ${machine.redis}, ${results.mode} run of ${results.madeAt.slice(0, 10)}, commit ${machine.commit}`;
    writeFileSync(`${RESULTS}${name}.svg`, chartOf(http.rows, caption));
  }
  process.stdout.write(`\nWritten to bench/results/${name}.*\n`);
}
