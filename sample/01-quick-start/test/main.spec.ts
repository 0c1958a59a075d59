import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

let app: ChildProcess;
let url: string;

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  app = spawn(process.execPath, [main], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const deadline = Date.now() + 20_000;
  while (!(await isUp())) {
    if (app.exitCode !== null || Date.now() > deadline) throw new Error('The application does not listen');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

afterAll(() => app.kill('SIGKILL'));

it('counts the visits of one browser', async () => {
  const first = await visit();
  const second = await visit(first.cookie);
  const third = await visit(first.cookie);
  expect([first.text, second.text, third.text]).toEqual(['Visit number 1', 'Visit number 2', 'Visit number 3']);
});

it('counts for each browser on its own', async () => {
  await visit();
  expect((await visit()).text).toBe('Visit number 1');
});

it('lets a cookie that nobody signed begin anew', async () => {
  expect((await visit('connect.sid=s%3Aforged.signature')).text).toBe('Visit number 1');
});

async function visit(cookie = ''): Promise<{ text: string; cookie: string }> {
  const response = await fetch(url, { headers: { cookie } });
  return { text: await response.text(), cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie };
}

async function isUp(): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
