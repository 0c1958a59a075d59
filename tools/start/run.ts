import { writeFileSync } from 'node:fs';
import { runDrill } from './drill.js';
import { printReport } from './drill-report.js';
import { startEmbeddedPortalLab, startRedisPortalLab } from './portal-lab.js';

/** What the command line says. */
export interface RunOptions {
  readonly port: number | undefined;
  /** Why there is no redis-server, and what would install it. */
  readonly whyWithoutRedis: string | undefined;
  readonly drill: boolean;
  readonly plannedFailovers: number;
  /** How long users work, in a long drill. */
  readonly minutes: number | undefined;
  readonly jsonFile: string | undefined;
}

/** Runs the portal or the drill; resolves with the exit code. The portal itself runs until a signal ends this process. */
export async function run({
  port,
  whyWithoutRedis,
  drill,
  plannedFailovers,
  minutes,
  jsonFile,
}: RunOptions): Promise<number> {
  if (drill) {
    if (whyWithoutRedis !== undefined) {
      say(`The drill needs redis-server. ${whyWithoutRedis}`);
      return 1;
    }
    const report = await runDrill({ port, plannedFailovers, minutes, say });
    printReport(report, say);
    if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    return report.passed ? 0 : 1;
  }
  const onLine = (instance: string, line: string) => say(`${instance} | ${line}`);
  if (whyWithoutRedis === undefined) await servePortal(port, onLine);
  else await serveEmbedded(port, onLine, whyWithoutRedis);
  return 0;
}

async function servePortal(port: number | undefined, onLine: (instance: string, line: string) => void): Promise<void> {
  const { url, instances, topology } = await startRedisPortalLab({ port, onLine });
  const [primary, ...replicas] = topology.nodes.map(({ address }) => address);
  say(`
  Open ${url}

  both instances in turn   ${url}
${instances.map((instance) => `  instance ${instance.name}               ${instance.url}`).join('\n')}
  monitor                  ${url}/monitor (sign in as Devika Rao, who is an administrator)
  metrics                  ${instances.map((instance) => `${instance.url}/metrics`).join(', ')}
  Redis primary            ${primary ?? ''}
  Redis replica            ${replicas.join(', ')}
  Sentinels                ${topology.sentinels.map(({ address }) => address).join(', ')}

  Sign in as anybody with the password "portal", open the lab at the bottom of the page, and kill the primary.
  Ctrl-C ends all of it.
`);
}

async function serveEmbedded(
  port: number | undefined,
  onLine: (instance: string, line: string) => void,
  why: string,
): Promise<void> {
  const { url } = await startEmbeddedPortalLab({ port, onLine });
  say(`
  Open ${url}

  Without Redis: ${why}
  So there is one instance, and the sessions live in its process. What that lacks: a restart signs everybody out, a second
  instance would not know them, and there is nothing to kill: no failover, no lab.

  Sign in as anybody with the password "portal". Ctrl-C ends it.
`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
