import { randomBytes } from 'node:crypto';

/** What the environment says about this instance. */
export interface PortalSettings {
  /** Shown on every page, so that one sees which instance answered. */
  readonly instance: string;
  readonly port: number;
  readonly host: string;
  readonly sessionSecret: readonly string[];
  /** Any URL that the session module understands; without it sessions live in this process. */
  readonly redisUrl: string | undefined;
  /** The control server of `npm start`: kills, freezes and restarts Redis nodes. Never set it in production. */
  readonly lab: { readonly url: string; readonly token: string } | undefined;
}

/** @throws Error when a variable that must be there is missing */
export function readSettings(env: NodeJS.ProcessEnv): PortalSettings {
  const { LAB_URL: labUrl, LAB_TOKEN: labToken } = env;
  return {
    instance: env['PORTAL_INSTANCE'] ?? 'A',
    port: Number(env['PORT'] ?? 3000),
    host: env['HOST'] ?? '127.0.0.1',
    sessionSecret: readSecret(env),
    redisUrl: env['REDIS_URL'],
    lab: labUrl && labToken ? { url: labUrl, token: labToken } : undefined,
  };
}

/** Several secrets are separated by commas: the first signs, all verify. */
function readSecret(env: NodeJS.ProcessEnv): string[] {
  if (env['SESSION_SECRET']) return env['SESSION_SECRET'].split(',');
  if (env['NODE_ENV'] === 'production' || env['REDIS_URL']) {
    throw new Error('Set SESSION_SECRET: all instances must sign the cookie alike');
  }
  return [randomBytes(32).toString('base64url')];
}
