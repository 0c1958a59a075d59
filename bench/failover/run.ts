import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, pinThisProcess } from '../machine.js';
import { runFailoverBench } from './failover-bench.js';
import { failoverReport } from './failover-report.js';
import { FAULTS } from './faults.js';

const USAGE = `npm run bench -- failover [options]

  --runs n        per fault (10)
  --faults a,b    ${FAULTS.map(({ name }) => `"${name}"`).join(', ')}
  --fast          Sentinel's own periods shortened: quicker, but not what users have
  --markdown      the table for docs/guarantees.md
  --name NAME     of the file in bench/results; nothing is written without it
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    faults: { type: 'string' },
    fast: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    name: { type: 'string' },
    help: { type: 'boolean' },
  },
});
if (values.help) process.stdout.write(USAGE);
else await main();

async function main(): Promise<void> {
  pinThisProcess(1);
  const start = Date.now();
  const names = values.faults?.split(',');
  const samples = await runFailoverBench({
    faults: FAULTS.filter(({ name }) => names?.includes(name) ?? true),
    runs: Number(values.runs),
    isFast: values.fast,
    progress: (text) => process.stderr.write(`[${Math.round((Date.now() - start) / 1_000)} s] ${text}\n`),
  });
  const machine = describeMachine();
  process.stdout.write(`\n${failoverReport(samples, values.markdown ? 'markdown' : 'text')}\n`);
  process.stdout.write(
    `\n${machine.cpu}, ${machine.cores} cores; Node ${machine.node}, Redis ${machine.redis}, commit ${machine.commit}; down-after 1 s\n`,
  );
  if (values.name === undefined) return;
  const directory = fileURLToPath(new URL('../results/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const results = { madeAt: new Date(start).toISOString(), machine, isFast: values.fast, samples };
  writeFileSync(`${directory}${values.name}.json`, `${JSON.stringify(results, null, 1)}\n`);
  process.stdout.write(`Written to bench/results/${values.name}.json\n`);
}
