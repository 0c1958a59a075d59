import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, leftovers } from './child-processes.js';

/** Below the kernel's range for outgoing connections, so that nobody takes the port of a server that is down for a while. */
const FIRST_PORT = 18_000;
const PORT_COUNT = 14_000;

/** A TCP port that no other lab on this machine uses until it is released. */
export interface ReservedPort {
  readonly port: number;
  release(): void;
}

/** Reserves a free port for as long as this process lives or until it is released. */
export async function reservePort(host = '127.0.0.1'): Promise<ReservedPort> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    const release = takeLock(`port-${port}`);
    if (!release) continue;
    if (await canListen(host, port)) return { port, release };
    release();
  }
  throw new Error(`redis-lab: no free port between ${FIRST_PORT} and ${FIRST_PORT + PORT_COUNT} on ${host}`);
}

/** Reserves the lowest number from 0 to below `count` that no other lab on this machine holds under that name. */
export function reserveNumber(name: string, count: number): { readonly number: number; release(): void } {
  for (let number = 0; number < count; number++) {
    // The first try may only find out that the owner is dead.
    const release = takeLock(`${name}-${number}`) ?? takeLock(`${name}-${number}`);
    if (release) return { number, release };
  }
  throw new Error(`redis-lab: all ${count} of '${name}' are taken`);
}

/**
 * Test processes that run side by side agree through one file per lock, which names its process: a killed one leaves
 * nothing behind. Returns the way to release it, or `undefined` when somebody else has it.
 */
function takeLock(name: string): (() => void) | undefined {
  const directory = join(tmpdir(), 'redis-lab-locks');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, name);
  if (!takeLockFile(file)) return undefined;
  const owner = {};
  leftovers.add(owner, () => rmSync(file, { force: true }));
  return () => {
    leftovers.remove(owner);
    rmSync(file, { force: true });
  };
}

function takeLockFile(file: string): boolean {
  try {
    const descriptor = openSync(file, 'wx');
    writeSync(descriptor, String(process.pid));
    closeSync(descriptor);
    return true;
  } catch {
    // Taken; the next attempt finds it free if its owner is dead.
    if (!isOwnerAlive(file)) rmSync(file, { force: true });
    return false;
  }
}

function isOwnerAlive(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: its owner is about to write its pid.
    return pid === 0 || isAlive(pid);
  } catch {
    // Released in this moment, and perhaps taken again in the next.
    return true;
  }
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
