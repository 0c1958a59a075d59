import { Body, Controller, Injectable, Module, Post } from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { SessionData } from 'express-session';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LiveSession, SessionModuleOptions } from '../../lib/index.js';
import { CurrentSession, SessionModule, SessionService } from '../../lib/index.js';
import { SessionMonitorModule } from '../../lib/monitor/index.js';
import { ensureChromium } from '../../tools/machine.mjs';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { SECRET } from '../support/http-app.js';
import { HttpClient } from '../support/http-client.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
];
const TIMEOUT_MS = 30_000;
const HOSTILE = '<img src=x onerror="document.title=`owned`">';

let topology: SentinelTopology;
let app: INestApplication;
let url: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Violations of the policy, errors of the page, and dialogs that somebody's text has opened. */
let complaints: string[];

@Injectable()
class OperatorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-operator'] === 'yes';
  }
}

@Controller()
class Portal {
  @Post('sign-in')
  signIn(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }
}

beforeAll(async () => {
  const found = await ensureChromium();
  if (!found.found) throw new Error(found.hint);
  browser = await chromium.launch({ executablePath: found.path, args: FLAGS });
  topology = await startSentinelTopology({ persistence: true });
  const options = {
    application: 'operated',
    secret: SECRET,
    redis: topology.redisOptions,
    userId: (session: object) => (session as { userId?: string }).userId,
    describe: (request: { headers: Record<string, unknown> }) => ({ agent: String(request.headers['user-agent']) }),
  } as unknown as SessionModuleOptions;
  @Module({
    imports: [
      SessionModule.forRoot(options),
      SessionMonitorModule.forRoot({ guard: OperatorGuard, allowActions: true }),
    ],
    controllers: [Portal],
  })
  class Operated {}
  app = await NestFactory.create(Operated, { logger: false });
  app.setGlobalPrefix('base');
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}, 90_000);

afterAll(async () => {
  await browser.close();
  await app.close();
  await topology.stop();
});

beforeEach(async () => {
  complaints = [];
  context = await browser.newContext({ extraHTTPHeaders: { 'x-operator': 'yes' } });
  page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // While Redis is away, or under heavy load, an answer may be 503: the page asks again.
    if (message.type() === 'error' && !message.text().includes('503')) complaints.push(message.text());
  });
  await page.goto(`${url}/base/session-monitor`);
  await page.locator('#stream[data-tone=ok]').waitFor();
});
afterEach(() => context.close());

async function signIn(userId: string, agent = 'a browser'): Promise<void> {
  const client = new HttpClient(url);
  const { status } = await client.post('/base/sign-in', { userId }, { headers: { 'user-agent': agent } });
  client.close();
  expect(status).toBe(201);
}

const live = async (): Promise<number> => Number((await page.locator('#live').innerText()).replaceAll(',', ''));
const seesLive = (count: number) =>
  pollUntil(`${count} live on the page`, async () => (await live()) === count, { timeoutMs: TIMEOUT_MS });

describe('the page of the monitor in a browser', () => {
  it('moves its numbers through a failover, and shows the failover with its pause', { timeout: 90_000 }, async () => {
    await topology.whenStable(TIMEOUT_MS);
    const before = await app.get(SessionService).count();
    await signIn('ada');
    await seesLive(before + 1);
    const pill = page.locator('#state');
    await pollUntil('a ready link', async () => (await pill.innerText()) === 'Ready');
    const primary = await topology.primary();
    const picture = page.locator('#topology svg');
    expect(await picture.getAttribute('aria-label')).toContain(`Primary ${primary.address}`);

    await primary.kill();
    await pollUntil('the page to say so', async () => (await pill.innerText()) === 'No primary', {
      timeoutMs: TIMEOUT_MS,
    });
    const entry = page.locator('#timeline li[data-kind=failover]').first();
    await entry.waitFor();
    expect(await entry.innerText()).toMatch(/pause\s+[\d.]+ m?s\s+held\s+\d+\s+replayed\s+\d+/);
    const next = await topology.primary();
    await pollUntil('the picture to move', async () =>
      (await picture.getAttribute('aria-label'))?.includes(`Primary ${next.address}`),
    );
    await signIn('ben');
    await seesLive(before + 2);
    await primary.restart();
    expect(complaints).toEqual([]);
  });

  it('finds and ends the sessions of a user, whose id and agent stay text', async () => {
    await signIn(HOSTILE, HOSTILE);
    await signIn(HOSTILE, HOSTILE);
    await signIn(HOSTILE, HOSTILE);
    await page.getByLabel('User', { exact: true }).fill(HOSTILE);
    await page.keyboard.press('Enter');
    const sessions = page.locator('#user-sessions li');
    await sessions.nth(2).waitFor();
    expect(await page.locator('#user-summary').innerText()).toBe(`${HOSTILE}: 3 live sessions`);
    expect(await sessions.first().innerText()).toContain(HOSTILE);
    expect(await page.locator('main img').count()).toBe(0);

    await page
      .getByRole('button', { name: /^End session/ })
      .first()
      .click();
    await pollUntil('one to be gone', async () => (await sessions.count()) === 2);
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.innerText()).toContain(HOSTILE);
    await page.keyboard.press('Escape');
    expect(await app.get(SessionService).list(HOSTILE)).toHaveLength(2);
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await dialog.getByRole('button', { name: 'Sign out everywhere' }).click();
    await pollUntil('all to be gone', async () => (await sessions.count()) === 0);
    expect(await app.get(SessionService).list(HOSTILE)).toEqual([]);
    expect(await page.title()).not.toBe('owned');
    expect(complaints).toEqual([]);
  });

  it('fails over as planned once the name was typed, by keyboard alone, and says how long the pause was', async () => {
    await topology.whenStable(TIMEOUT_MS);
    const former = await topology.primary();
    await page.getByRole('button', { name: 'Fail over' }).focus();
    await page.keyboard.press('Enter');
    const typed = page.getByLabel('Type operated to go on');
    await typed.fill('operate');
    await page.keyboard.press('Enter');
    expect(await page.getByRole('dialog').isVisible()).toBe(true);
    await typed.fill('operated');
    await page.keyboard.press('Enter');
    const result = page.locator('#actions-result');
    await pollUntil('the result', async () => /a pause of [\d.]+ m?s/.test(await result.innerText()), {
      timeoutMs: TIMEOUT_MS,
    });
    expect(await result.innerText()).toContain(`${former.address} → `);
    await pollUntil('another primary', async () => (await topology.primary()) !== former);
    expect(complaints).toEqual([]);
  });

  it('can be read without seeing it: each number of the charts is in a table, each control has a name, and a phone holds it', async () => {
    await page.locator('#live-values summary').click();
    await pollUntil('the rows', async () => (await page.locator('#live-values tbody tr').count()) >= 59, {
      timeoutMs: TIMEOUT_MS,
    });
    await page.getByRole('button', { name: '90 d' }).click();
    await pollUntil('the days', async () => (await page.locator('#live-values tbody tr').count()) === 90, {
      timeoutMs: TIMEOUT_MS,
    });
    for (const control of await page.locator('button:visible, input:visible').all()) {
      expect(await control.ariaSnapshot()).toMatch(/^- (button|textbox) ".+"/);
    }
    for (const [width, height] of [
      [1400, 900],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      // The charts follow the width of the window a moment later.
      await pollUntil(`nothing sticks out of ${width} pixels`, async () => {
        const { scrollWidth, clientWidth } = await page.evaluate<Record<'scrollWidth' | 'clientWidth', number>>(
          '({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth })',
        );
        return scrollWidth === clientWidth;
      });
    }
    expect(complaints).toEqual([]);
  });
});
