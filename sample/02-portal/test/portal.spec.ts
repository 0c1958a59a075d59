import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmbeddedPortalLab, type PortalLab } from '../../../tools/start/portal-lab.js';
import { BrowserLike } from './browser-like.js';

const APPROVAL = { costCentre: '4711', approver: 'Tomás Rey, finance', reason: 'For the test' };

let lab: PortalLab;

beforeAll(async () => {
  lab = await startEmbeddedPortalLab({ port: 0 });
});
afterAll(() => lab.stop());

const visitor = () => new BrowserLike(lab.url);

describe('signing in', () => {
  it('sends people who are not signed in to the sign-in page, and back to where they wanted to go', async () => {
    const browser = visitor();
    const refused = await browser.get('/cart');
    expect(refused).toMatchObject({ status: 303, location: '/sign-in?next=%2Fcart' });
    expect((await browser.get('/sign-in?next=%2Fcart')).text).toContain('name="next" value="/cart"');
    expect(await browser.post('/sign-in', { user: 'ada', password: 'portal', next: '/cart' })).toMatchObject({
      status: 303,
      location: '/cart',
    });
  });

  it('answers programs that are not signed in with 401', async () => {
    expect((await visitor().get('/session', { accept: 'application/json' })).status).toBe(401);
  });

  it('never leads to another site', async () => {
    for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', '/a?b=//c']) {
      expect(await visitor().post('/sign-in', { user: 'ada', password: 'portal', next })).toMatchObject({
        location: '/',
      });
    }
  });

  it('says so when the password is wrong', async () => {
    const browser = visitor();
    const answer = await browser.post('/sign-in', { user: 'ada', password: 'wrong' });
    expect((await browser.get(answer.location ?? '')).text).toContain('User or password is wrong');
    expect((await browser.get('/')).status).toBe(303);
  });

  it('gives the session a new id, so that a planted cookie is worth nothing', async () => {
    const browser = visitor();
    await browser.post('/sign-in', { user: 'ada', password: 'wrong' });
    const planted = browser.cookie;
    await browser.signIn();
    expect(browser.cookie).not.toBe(planted);
    browser.cookie = planted;
    expect((await browser.get('/')).status).toBe(303);
  });

  it('ends with signing out: the old cookie is refused', async () => {
    const browser = await visitor().signIn();
    const { cookie } = browser;
    expect(await browser.post('/sign-out')).toMatchObject({ status: 303, location: '/sign-in' });
    browser.cookie = cookie;
    expect((await browser.get('/')).status).toBe(303);
  });
});

describe('an order', () => {
  it('is kept step after step until it is submitted', async () => {
    const browser = await visitor().signIn();
    expect(await browser.get('/orders/new')).toMatchObject({ location: '/orders/new/supplier' });
    expect(await browser.post('/orders/new/supplier', { supplier: 'helio' })).toMatchObject({
      location: '/orders/new/items',
    });
    expect(await browser.post('/orders/new/items', { 'quantity[HL-0450]': '3' })).toMatchObject({
      location: '/orders/new/approval',
    });
    expect(await browser.post('/orders/new/approval', APPROVAL)).toMatchObject({ location: '/orders/new/review' });
    expect(await browser.session()).toMatchObject({
      draft: { supplierId: 'helio', lines: [{ sku: 'HL-0450', quantity: 3 }], approval: APPROVAL },
      changes: 4,
    });
    const review = await browser.get('/orders/new/review');
    expect(review.text).toContain('LED panel');
    expect(review.text).toContain('€164.70');
    expect(await browser.post('/orders/new/submit')).toMatchObject({ location: '/orders' });
    expect(await browser.session()).toMatchObject({
      draft: {},
      orders: [{ supplier: 'Helio Lighting', lineCount: 1, total: 16_470 }],
    });
    expect((await browser.get('/orders')).text).toMatch(/Order PO-\d{6} is submitted/);
  });

  it('suggests what is in the cart of its supplier, and takes that out of the cart', async () => {
    const browser = await visitor().signIn();
    await browser.post('/cart', { sku: 'CL-0205', quantity: '4' });
    await browser.post('/cart', { sku: 'NB-1008' });
    await browser.post('/orders/new/supplier', { supplier: 'clarus' });
    expect((await browser.get('/orders/new/items')).text).toMatch(/name="quantity\[CL-0205\]"[^>]*value="4"/);
    await browser.post('/orders/new/items', { 'quantity[CL-0205]': '4' });
    await browser.post('/orders/new/approval', APPROVAL);
    await browser.post('/orders/new/submit');
    expect(await browser.session()).toMatchObject({ cart: [{ sku: 'NB-1008', quantity: 1 }] });
  });

  it('lets nobody skip a step', async () => {
    const browser = await visitor().signIn();
    expect((await browser.get('/orders/new/review')).status).toBe(400);
    expect((await browser.post('/orders/new/submit', {}, { accept: 'application/json' })).status).toBe(400);
    expect(await browser.session()).toMatchObject({ draft: {}, orders: [] });
  });

  it('tells on the form what is wrong with it, and stores nothing', async () => {
    const browser = await visitor().signIn();
    await browser.post('/orders/new/supplier', { supplier: 'nordbolt' });
    await browser.post('/orders/new/items', { 'quantity[NB-1008]': '1' });
    const referer = `${lab.url}/orders/new/approval`;
    const answer = await browser.post('/orders/new/approval', { ...APPROVAL, costCentre: '12' }, { referer });
    expect(answer).toMatchObject({ status: 303, location: '/orders/new/approval' });
    expect((await browser.get('/orders/new/approval')).text).toContain('A cost centre has four digits');
    expect((await browser.get('/orders/new/approval')).text).not.toContain('A cost centre has four digits');
    expect(await browser.session()).toMatchObject({ changes: 3 });
  });

  it('shows what people typed as text, never as markup', async () => {
    const browser = await visitor().signIn();
    await browser.post('/orders/new/supplier', { supplier: 'nordbolt' });
    await browser.post('/orders/new/items', { 'quantity[NB-1008]': '1' });
    await browser.post('/orders/new/approval', { ...APPROVAL, reason: '<script>alert(1)</script>' });
    const { text } = await browser.get('/orders/new/review');
    expect(text).toContain('&lt;script&gt;alert(1)');
    expect(text).not.toContain('<script>alert');
  });
});

describe('the cart', () => {
  it('adds up, and lets go of what is removed', async () => {
    const browser = await visitor().signIn();
    await browser.post('/cart', { sku: 'HL-0720', quantity: '2' });
    await browser.post('/cart', { sku: 'HL-0720' });
    expect(await browser.session()).toMatchObject({ cart: [{ sku: 'HL-0720', quantity: 3 }] });
    expect((await browser.get('/cart')).text).toContain('€219.75');
    await browser.post('/cart/HL-0720/remove');
    expect(await browser.session()).toMatchObject({ cart: [] });
  });

  it('takes no product that does not exist', async () => {
    const browser = await visitor().signIn();
    expect((await browser.post('/cart', { sku: 'NO-0000' }, { accept: 'application/json' })).status).toBe(400);
  });
});

describe('administration', () => {
  it('counts the live sessions', async () => {
    const admin = await visitor().signIn('devika');
    const count = async () =>
      (JSON.parse((await admin.get('/admin/counts')).text) as { liveSessions: number }).liveSessions;
    const before = await count();
    const browser = await visitor().signIn();
    expect(await count()).toBe(before + 1);
    await browser.post('/sign-out');
    expect(await count()).toBe(before);
    expect((await admin.get('/admin')).text).toContain('Live sessions');
  });

  it('is for administrators only', async () => {
    expect((await (await visitor().signIn('ben')).get('/admin')).status).toBe(403);
  });
});

describe('what every page does', () => {
  it('says which instance answered and where the sessions live', async () => {
    const { text } = await (await visitor().signIn()).get('/');
    expect(text).toContain('instance A');
    expect(text).toContain('in this process');
  });

  it('lets no script in but its own, and no cache keep it', async () => {
    const { headers } = await (await visitor().signIn()).get('/');
    expect(headers.get('content-security-policy')).toContain("default-src 'none';script-src 'self';style-src 'self'");
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('refuses changes that come from the page of another site', async () => {
    const browser = await visitor().signIn();
    expect((await browser.post('/cart', { sku: 'HL-0720' }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await browser.post('/cart', { sku: 'HL-0720' }, { origin: 'https://evil.example' })).status).toBe(403);
    expect(await browser.session()).toMatchObject({ cart: [] });
  });

  it('has no lab without the launcher', async () => {
    const browser = await visitor().signIn();
    expect((await browser.get('/')).text).not.toContain('lab-token');
    const answer = await browser.get('/lab/state');
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ message: 'This portal runs without a lab' });
  });
});

it('tells its health without making a session', async () => {
  const answer = await visitor().get('/health');
  expect(answer.status).toBe(200);
  expect(answer.headers.getSetCookie()).toEqual([]);
  expect(JSON.parse(answer.text)).toMatchObject({
    status: 'ok',
    details: { sessions: { status: 'up', mode: 'memory' } },
  });
});
