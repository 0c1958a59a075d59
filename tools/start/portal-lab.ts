import { randomBytes } from 'node:crypto';
import { startSentinelTopology, type SentinelTopology } from '../redis-lab/sentinel-topology.js';
import { startControlServer } from './control-server.js';
import { openFrontDoor } from './front-door.js';
import { LabControl } from './lab-control.js';
import { startPortal, type PortalProcess } from './portal-process.js';

/** What the sessions of the portal are called in Redis. */
export const APPLICATION = 'portal';

/** The portal, running. */
export interface PortalLab {
  /** One address for browsers; requests go to the instances in turn. */
  readonly url: string;
  readonly instances: readonly PortalProcess[];
  stop(): Promise<void>;
}

/** The portal over Redis with Sentinel. */
export interface RedisPortalLab extends PortalLab {
  readonly topology: SentinelTopology;
  readonly control: LabControl;
}

/** Options of {@link startRedisPortalLab} and {@link startEmbeddedPortalLab}. */
export interface PortalLabOptions {
  /** Where browsers find it. @defaultValue 3000 when it is free, else any free port */
  readonly port?: number | undefined;
  /** Called with every line an instance prints. */
  readonly onLine?: ((instance: string, line: string) => void) | undefined;
}

/** Starts a primary, a replica, three Sentinels and two instances of the portal. */
export async function startRedisPortalLab({ port, onLine }: PortalLabOptions = {}): Promise<RedisPortalLab> {
  const cleanUp: (() => Promise<void>)[] = [];
  const stop = () => stopAll(cleanUp);
  try {
    // Persistence, as in production: a primary that restarts faster than the Sentinels notice must not come back empty.
    // A split vote is repeated after twice the failover timeout: sooner than requests give up.
    const topology = await startSentinelTopology({ name: APPLICATION, persistence: true, failoverTimeoutMs: 2_000 });
    cleanUp.push(() => topology.stop());
    const control = new LabControl(topology);
    const server = await startControlServer(control);
    cleanUp.push(() => server.stop());
    const env = {
      NODE_ENV: 'production',
      NO_COLOR: '1',
      SESSION_SECRET: newSecret(),
      REDIS_URL: `redis+sentinel://${topology.sentinels.map(({ address }) => address).join(',')}/${topology.name}`,
      LAB_URL: server.url,
      LAB_TOKEN: server.token,
    };
    const instances = await Promise.all(
      ['A', 'B'].map(async (name) => {
        const instance = await startPortal({ name, env, onLine: (line) => onLine?.(name, line) });
        cleanUp.push(() => instance.stop());
        return instance;
      }),
    );
    const door = await openFrontDoor(
      instances.map(({ url }) => url),
      port,
    );
    cleanUp.push(() => door.stop());
    return { url: door.url, instances, topology, control, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts one instance of the portal that keeps its sessions itself. */
export async function startEmbeddedPortalLab({ port, onLine }: PortalLabOptions = {}): Promise<PortalLab> {
  const env = { NODE_ENV: 'development', NO_COLOR: '1', SESSION_SECRET: newSecret() };
  const instance = await startPortal({ name: 'A', env, onLine: (line) => onLine?.('A', line) });
  const door = await openFrontDoor([instance.url], port);
  return { url: door.url, instances: [instance], stop: () => stopAll([() => instance.stop(), () => door.stop()]) };
}

/** Last started, first stopped: portals take leave of Redis while it is still there. */
async function stopAll(steps: (() => Promise<void>)[]): Promise<void> {
  for (const step of steps.splice(0).reverse()) await step();
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}
