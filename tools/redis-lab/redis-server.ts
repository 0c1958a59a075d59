import type { ChildProcess } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { makeTemporaryDirectory, spawnChild } from './child-processes.js';
import { reservePort } from './ports.js';

/** How a client gets into a server. */
export type RedisAccess = Pick<RedisOptions, 'username' | 'password' | 'tls'>;

/** A running `redis-server` or Sentinel, and the faults that signals can cause. */
export interface RedisProcess {
  readonly host: string;
  readonly port: number;
  /** Of the current run; changes with `restart()`. */
  readonly pid: number;
  /** `host:port` */
  readonly address: string;
  readonly running: boolean;
  readonly frozen: boolean;
  /** What the current and earlier runs printed, at most the last 400 lines. */
  readonly log: string;
  /** Ends the process and waits for its exit. @param signal - `SIGKILL` unless told otherwise */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops the process where it is (`SIGSTOP`): its kernel still answers, it does not. */
  freeze(): void;
  /** Lets a frozen process go on. */
  thaw(): void;
  /**
   * Starts the process again on the same port, with its configuration file as the process itself last rewrote it: a
   * primary that died comes back as a primary, as it would in real life.
   *
   * @param options.awaitReady - `false` returns as soon as the process runs, it may still be loading
   */
  restart(options?: { awaitReady?: boolean }): Promise<void>;
  /** Removes what the server has stored on disk, not its configuration. Only while it is down. */
  wipe(): void;
  /** Ends the process for good and removes its directory. */
  stop(): Promise<void>;
  /** Runs one command over a connection of its own. @throws the server's error, or after 3 s without an answer */
  cli(...args: string[]): Promise<unknown>;
  /** A connection of the caller's own, to be disconnected by it; it gives up at once when the server goes. */
  connect(): Redis;
}

/** Options of {@link startRedisServer}. */
export interface RedisServerOptions {
  /** Command-line arguments; they win over the configuration file at every start. */
  readonly args?: readonly string[];
  /** Lines of the configuration file; the server may rewrite them (`CONFIG REWRITE`, Sentinel). */
  readonly config?: readonly string[];
  /** A free one unless given. */
  readonly port?: number;
  /** @defaultValue '127.0.0.1' */
  readonly host?: string;
  /** Where it works; a temporary directory unless given, removed with `stop()`. */
  readonly dir?: string;
  readonly sentinel?: boolean;
  /** The program. @defaultValue that of the environment variable `REDIS_SERVER`, or `redis-server` */
  readonly program?: string | undefined;
  /** How `cli` gets in. With `tls` the server listens with TLS only (the certificate lines belong to `config`). */
  readonly access?: RedisAccess | undefined;
  /** A command that runs the server, for example `ip netns exec <namespace>`. */
  readonly prefix?: readonly string[] | undefined;
  /** Called after every start, the first included. */
  readonly afterStart?: (server: RedisProcess) => Promise<void>;
}

/** The server that the lab runs; another one by the environment variable `REDIS_SERVER`, for example a Valkey. */
const SERVER = process.env['REDIS_SERVER'] ?? 'redis-server';

const READY = /Ready to accept connections|\+monitor master|Sentinel ID is/;

class LabRedisProcess implements RedisProcess {
  readonly host: string;
  readonly port: number;
  readonly #options: RedisServerOptions;
  readonly #dir: string;
  readonly #release: () => void;
  readonly #log: string[] = [];
  #child: ChildProcess | undefined;
  #frozen = false;

  constructor(options: RedisServerOptions, place: { host: string; port: number; dir: string; release: () => void }) {
    this.#options = options;
    this.host = place.host;
    this.port = place.port;
    this.#dir = place.dir;
    this.#release = place.release;
    const listen = options.access?.tls ? ['port 0', `tls-port ${this.port}`] : [`port ${this.port}`];
    const data = options.sentinel
      ? []
      : ['save ""', 'appendonly no', 'repl-diskless-sync yes', 'repl-diskless-sync-delay 0'];
    writeFileSync(
      this.#configFile,
      [
        `bind ${this.host}`,
        'daemonize no',
        'protected-mode no',
        `dir ${this.#dir}`,
        'logfile ""',
        ...listen,
        ...data,
        ...(options.config ?? []),
        '',
      ].join('\n'),
    );
  }

  get #configFile(): string {
    return join(this.#dir, 'redis.conf');
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  get log(): string {
    return this.#log.join('\n');
  }

  async start(awaitReady = true): Promise<void> {
    const mode = this.#options.sentinel ? ['--sentinel'] : [];
    const child = spawnChild(
      this.#options.program ?? SERVER,
      [this.#configFile, ...(this.#options.args ?? []), ...mode],
      {
        prefix: this.#options.prefix,
        cwd: this.#dir,
      },
    );
    this.#child = child;
    this.#frozen = false;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`redis-server ${this.address} is not ready after 20 s:\n${this.log}`)),
        20_000,
      );
      const settle = (act: () => void) => {
        clearTimeout(timer);
        act();
      };
      const read = (chunk: Buffer) => {
        this.#keepLog(chunk.toString());
        if (READY.test(chunk.toString())) settle(resolve);
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.once('error', (error) => settle(() => reject(error)));
      child.once('exit', (code, signal) =>
        settle(() =>
          reject(new Error(`redis-server ${this.address} ended at start (${code ?? signal}):\n${this.log}`)),
        ),
      );
      if (!awaitReady) settle(resolve);
    });
    await ready;
    if (awaitReady) await this.#options.afterStart?.(this);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await exited;
    this.#child = undefined;
    this.#frozen = false;
  }

  freeze(): void {
    this.#frozen = this.#child?.kill('SIGSTOP') ?? false;
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
    this.#frozen = false;
  }

  async restart(options: { awaitReady?: boolean } = {}): Promise<void> {
    await this.kill();
    await this.start(options.awaitReady ?? true);
  }

  wipe(): void {
    for (const name of readdirSync(this.#dir)) {
      if (!/\.(conf|crt|key)$/.test(name)) rmSync(join(this.#dir, name), { recursive: true });
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#release();
  }

  async cli(...args: string[]): Promise<unknown> {
    const [command, ...rest] = args;
    if (command === undefined) throw new TypeError('cli needs a command');
    const client = this.connect();
    try {
      return await client.call(command, ...rest);
    } finally {
      client.disconnect();
    }
  }

  connect(): Redis {
    const client = new Redis({
      ...this.#options.access,
      host: this.host,
      port: this.port,
      lazyConnect: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      protocol: 2,
      connectTimeout: 3_000,
      commandTimeout: 3_000,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    // The rejection of the call itself says what went wrong.
    client.on('error', () => undefined);
    return client;
  }

  #keepLog(text: string): void {
    this.#log.push(...text.trimEnd().split('\n'));
    this.#log.splice(0, this.#log.length - 400);
  }
}

/** Starts a `redis-server` (or a Sentinel) and returns once it accepts connections. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisProcess> {
  const host = options.host ?? '127.0.0.1';
  const directory = options.dir === undefined ? makeTemporaryDirectory('data') : undefined;
  const reserved = options.port === undefined ? await reservePort(host) : undefined;
  const server = new LabRedisProcess(options, {
    host,
    port: options.port ?? (reserved as { port: number }).port,
    dir: options.dir ?? (directory as { path: string }).path,
    release: () => {
      reserved?.release();
      directory?.remove();
    },
  });
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}
