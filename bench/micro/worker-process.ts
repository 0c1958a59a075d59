import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { spawnChild } from '../../tools/redis-lab/child-processes.js';
import { pinnedTo } from '../machine.js';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './worker-protocol.js';

/** A running worker. */
export interface WorkerProcess {
  run(request: WorkerRequest): Promise<WorkerReply>;
  stop(): Promise<void>;
}

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Starts a fresh process with one store, on the server's core. */
export async function startWorker(settings: WorkerSettings, profileDirectory?: string): Promise<WorkerProcess> {
  const profile = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const child = spawnChild(process.execPath, [...profile, '--import', 'tsx/esm', WORKER, JSON.stringify(settings)], {
    prefix: pinnedTo(0),
    ipc: true,
    env: { ...process.env, NODE_ENV: 'production' },
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const receive = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`the worker of ${settings.store} ended:\n${output}`));
      child.once('exit', fail);
      child.once('message', (message) => {
        child.off('exit', fail);
        resolve(message);
      });
    });
  await receive();
  return {
    run: async (request) => {
      child.send(request);
      return (await receive()) as WorkerReply;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.send('stop');
      await exited;
    },
  };
}
