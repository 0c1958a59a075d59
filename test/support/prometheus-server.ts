import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnChild } from '../../tools/redis-lab/child-processes.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { reservePort } from '../../tools/redis-lab/ports.js';

/** One series of a query's result. */
export interface PrometheusSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

/** A real Prometheus that scrapes some targets every second and evaluates rules twice as often. */
export interface PrometheusServer {
  query(expression: string, fromMs: number, toMs: number): Promise<readonly PrometheusSeries[]>;
  rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]>;
  stop(): Promise<void>;
}

/** Starts one. `targets` are `host:port`; `rules` is the text of a rule file. */
export async function startPrometheus(targets: readonly string[], rules: string): Promise<PrometheusServer> {
  const folder = await mkdtemp(join(tmpdir(), 'ha-session-prometheus-'));
  await writeFile(join(folder, 'rules.yml'), rules);
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '500ms' },
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'app', static_configs: [{ targets }] }],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const { port, release } = await reservePort();
  const address = `127.0.0.1:${port}`;
  const child = spawnChild('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
  ]);
  // Nobody reads its log: it must not wait for that.
  child.stdout?.resume();
  child.stderr?.resume();
  const get = async (path: string, parameters: Record<string, string> = {}) => {
    const response = await fetch(`http://${address}${path}?${new URLSearchParams(parameters).toString()}`);
    const body = (await response.json()) as { status: string; error?: string; data: never };
    if (body.status !== 'success')
      throw new Error(`${parameters['query'] ?? path}: ${body.error ?? response.statusText}`);
    return body.data;
  };
  await pollUntil('Prometheus', async () => (await fetch(`http://${address}/-/ready`)).ok, { timeoutMs: 30_000 });
  return {
    async query(expression, fromMs, toMs) {
      const range = { query: expression, start: String(fromMs / 1000), end: String(toMs / 1000), step: '0.5' };
      const { result } = (await get('/api/v1/query_range', range)) as { result: PrometheusSeries[] };
      return result;
    },
    async rules() {
      const { groups } = (await get('/api/v1/rules')) as { groups: { rules: never[] }[] };
      return groups.flatMap((group) => group.rules);
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      release();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
