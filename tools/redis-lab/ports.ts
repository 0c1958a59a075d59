import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leftovers } from './child-processes.js';

/** Below the kernel's range for outgoing connections, so that nobody takes the port of a server that is down for a while. */
const FIRST_PORT = 18_000;
const PORT_COUNT = 14_000;

/** A TCP port that no other lab on this machine uses until it is released. */
export interface ReservedPort {
  readonly port: number;
  release(): void;
}

/**
 * Reserves a free port for as long as this process lives or until it is released. Test processes that run side by side
 * agree through one lock file per port; the file names the process, so that a killed one leaves nothing behind.
 */
export async function reservePort(host = '127.0.0.1'): Promise<ReservedPort> {
  const directory = join(tmpdir(), 'redis-lab-ports');
  mkdirSync(directory, { recursive: true });
  for (let attempt = 0; attempt < 500; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    const file = join(directory, String(port));
    if (!takeLockFile(file)) continue;
    const release = () => rmSync(file, { force: true });
    if (!(await canListen(host, port))) {
      release();
      continue;
    }
    const reserved: ReservedPort = {
      port,
      release: () => {
        leftovers.remove(reserved);
        release();
      },
    };
    leftovers.add(reserved, release);
    return reserved;
  }
  throw new Error(`redis-lab: no free port between ${FIRST_PORT} and ${FIRST_PORT + PORT_COUNT} on ${host}`);
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
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
