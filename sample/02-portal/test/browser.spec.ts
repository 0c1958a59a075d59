import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureChromium } from '../../../tools/machine.mjs';
import { pollUntil } from '../../../tools/redis-lab/poll.js';
import { startRedisPortalLab, type RedisPortalLab } from '../../../tools/start/portal-lab.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** A failover with everything that may delay it on a busy machine. */
const FAILOVER = { timeout: 30_000 };

let lab: RedisPortalLab;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  const found = await ensureChromium();
  if (!found.found) throw new Error(found.hint);
  browser = await chromium.launch({ executablePath: found.path, args: FLAGS });
  lab = await startRedisPortalLab({ port: 0 });
});
afterAll(async () => {
  await browser.close();
  await lab.stop();
});

beforeEach(async () => {
  await lab.topology.whenStable(30_000);
  complaints = [];
  context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
});
afterEach(() => context.close());

describe('in a browser', () => {
  it('an order goes on over the death of the Redis primary, from signing in to signing out', async () => {
    await signIn('Ada Lindqvist');
    await page.getByRole('link', { name: 'Start an order' }).click();
    await page.getByLabel('Helio Lighting').check();
    await page.getByRole('button', { name: 'Continue to items' }).click();
    await page.getByLabel('LED panel').fill('3');
    await page.getByRole('button', { name: 'Continue to approval' }).click();
    await page.getByLabel('Cost centre').fill('4711');
    await page.getByLabel('What is it for?').fill('New lamps for hall 3');

    const before = await primaryOnPage();
    await openLab();
    await answers(3);
    const primary = await primaryId();
    await page.getByRole('button', { name: `Kill ${primary}` }).click();
    await page.getByRole('button', { name: 'Continue to review' }).click(FAILOVER);
    await page.getByText('New lamps for hall 3').waitFor(FAILOVER);
    await page.getByRole('button', { name: 'Submit the order' }).click(FAILOVER);
    await page.getByText(/Order PO-\d{6} is submitted/).waitFor(FAILOVER);

    await pollUntil('the page to name another primary', async () => (await primaryOnPage()) !== before, {
      timeoutMs: 30_000,
    });
    await answers(3);
    await page.getByRole('button', { name: `Restart ${primary}` }).click();
    await lab.topology.whenStable(30_000);
    expect(await figures()).toMatchObject({ failed: 0, lost: 0 });
    expect(complaints).toEqual([]);

    const cookies = await context.cookies();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await context.addCookies(cookies);
    await page.goto(`${lab.url}/orders`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('requests go on while the primary is frozen', async () => {
    await signIn('Ben Okafor');
    await openLab();
    await answers(3);
    const before = await primaryOnPage();
    const primary = await primaryId();
    await page.getByRole('button', { name: `Freeze ${primary}` }).click();
    await pollUntil('the page to name another primary', async () => (await primaryOnPage()) !== before, {
      timeoutMs: 30_000,
    });
    await answers(5);
    await page.getByRole('button', { name: `Thaw ${primary}` }).click();
    await lab.topology.whenStable(30_000);
    await answers(3);
    expect(await figures()).toMatchObject({ failed: 0, lost: 0 });
    expect(complaints).toEqual([]);
  });

  it('both instances answer, and both know the session', async () => {
    await signIn('Chloé Martin');
    const seen = new Set<string>();
    await pollUntil('an answer of each instance', async () => {
      await page.goto(lab.url);
      await page.getByRole('heading', { name: 'Hello, Chloé' }).waitFor();
      seen.add(await page.locator('#fact-instance').innerText());
      return seen.size === 2;
    });
    expect([...seen].sort()).toEqual(['instance A', 'instance B']);
  });

  it('an administrator sees the live sessions and the health of Redis', async () => {
    await signIn('Devika Rao');
    await page.getByRole('link', { name: 'Admin' }).click();
    await page.locator('#health-facts').getByText('Redis, sentinel').waitFor();
    expect(Number(await page.locator('#live-sessions').innerText())).toBeGreaterThan(0);
    expect(await page.locator('#health-status').innerText()).toBe('up');
    expect(complaints).toEqual([]);
  });
});

describe('the monitor', () => {
  it('is for administrators, and shows how many are signed in and where Redis is', async () => {
    await signIn('Ada Lindqvist');
    expect((await page.goto(`${lab.url}/monitor`))?.status()).toBe(403);
    complaints = [];
    await page.goto(`${lab.url}/sign-in`);
    await context.clearCookies();
    await signIn('Devika Rao');
    await page.getByRole('link', { name: 'Monitor' }).click();
    await page.locator('#topology svg[aria-label*="Primary 127"]').waitFor();
    await pollUntil('a number', async () => Number(await page.locator('#live').innerText()) > 0);
    expect(complaints).toEqual([]);
  });

  it('has metrics beside it', async () => {
    const text = await (await fetch(`${lab.url}/metrics`)).text();
    expect(text).toMatch(/^session_live\{.*application="portal".*\} \d+$/m);
  });
});

describe('the lab', () => {
  it('obeys nobody without its token', async () => {
    const send = (headers: Record<string, string>) => fetch(`${lab.url}/lab/failover`, { method: 'POST', headers });
    expect((await send({})).status).toBe(401);
    expect((await send({ authorization: 'Bearer guessed' })).status).toBe(401);
  });

  it('gives its token to nobody who is not signed in', async () => {
    await page.goto(`${lab.url}/sign-in`);
    expect(await page.locator('meta[name="lab-token"]').count()).toBe(0);
  });
});

async function signIn(name: string): Promise<void> {
  await page.goto(lab.url);
  const label = (await page.getByLabel('User').locator('option').allInnerTexts()).find((text) => text.startsWith(name));
  await page.getByLabel('User').selectOption(label ?? name);
  await page.getByLabel('Password').fill('portal');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Hello' }).waitFor();
}

async function openLab(): Promise<void> {
  await page.locator('#lab > summary').click();
  await page.locator('[data-id="redis-1"]').waitFor();
}

/** The panel's name of the node that is the primary. */
async function primaryId(): Promise<string> {
  const node = page.locator('.node', { has: page.locator('.badge.primary') });
  return (await node.getAttribute('data-id', FAILOVER)) ?? '';
}

async function primaryOnPage(): Promise<string> {
  return page.locator('#fact-primary').innerText();
}

async function figures(): Promise<{ answered: number; failed: number; lost: number }> {
  const read = async (name: string) => Number(await page.locator(`#lab-${name}`).innerText());
  return { answered: await read('answered'), failed: await read('failed'), lost: await read('lost') };
}

/** Waits until so many more requests of the page were answered. */
async function answers(count: number): Promise<void> {
  const goal = (await figures()).answered + count;
  await pollUntil(`${count} answers`, async () => (await figures()).answered >= goal, { timeoutMs: 30_000 });
}
