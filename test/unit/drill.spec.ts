import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DrillPhase } from '../../tools/start/drill-report.js';
import { DrillTally } from '../../tools/start/drill-tally.js';
import { DrillUser } from '../../tools/start/drill-user.js';
import { judge, PLANNED } from '../../tools/start/drill-verdict.js';

/** How a portal may fail its users. */
interface Faults {
  /** Takes back the change with this number, once, after it was acknowledged. */
  losesChange?: number;
  /** Keeps the session that was signed out. */
  undoesLogout?: boolean;
  /** Answers this request, counted from 1, with 503. */
  failsRequest?: number;
  /** Answers so many reads after a change with the state before it. */
  staleReads?: number;
}

interface Session {
  cart: { sku: string; quantity: number }[];
  draft: object;
  orders: object[];
  changes: number;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe('the drill', () => {
  it('finds nothing wrong with a portal that keeps its word', async () => {
    const { total, errors } = await drill({});
    expect(errors).toEqual([]);
    expect(total).toMatchObject({ requests: { failed: 0 }, changes: { lost: 0, stale: 0 }, logouts: { undone: 0 } });
    expect(total.changes.acknowledged).toBeGreaterThan(10);
    expect(total.logouts.acknowledged).toBeGreaterThan(0);
  });

  it('sees an acknowledged change that is lost', async () => {
    expect((await drill({ losesChange: 4 })).total.changes.lost).toBe(1);
  });

  it('sees a logout that is undone, and counts it once', async () => {
    const { total } = await drill({ undoesLogout: true });
    expect(total.logouts.undone).toBe(total.logouts.acknowledged);
  });

  it('sees a request that fails, and does not take what it asked for as acknowledged', async () => {
    const { total, errors } = await drill({ failsRequest: 5 });
    expect(total).toMatchObject({ requests: { failed: 1 }, changes: { lost: 0 } });
    expect(errors[0]).toContain('503');
  });

  it('tells what is read too early from what is lost', async () => {
    expect((await drill({ staleReads: 1 })).total.changes).toMatchObject({ lost: 0, stale: 1 });
  });
});

describe('the verdict', () => {
  const phase = (name: string, change: Partial<DrillPhase> = {}): DrillPhase => ({
    name,
    startedMs: 0,
    durationMs: 1,
    requests: { ok: 10, failed: 0 },
    longestPauseMs: 1,
    changes: { acknowledged: 5, lost: 0, stale: 0 },
    logins: 1,
    logouts: { acknowledged: 1, undone: 0 },
    sessions: { before: 1, after: 1, expected: 1 },
    readDirectly: { sessions: 1, different: 0 },
    ...change,
  });

  it('passes when nothing went wrong', () => {
    expect(judge([phase('kill')], 'fail')).toEqual({ faults: [], tolerated: [] });
  });

  it.each([
    ['a failed request', { requests: { ok: 10, failed: 1 } }],
    ['a lost change', { changes: { acknowledged: 5, lost: 1, stale: 0 } }],
    ['a stale read', { changes: { acknowledged: 5, lost: 0, stale: 1 } }],
    ['a logout undone', { logouts: { acknowledged: 1, undone: 1 } }],
    ['a session that has gone', { sessions: { before: 1, after: 0, expected: 1 } }],
    ['a session that differs in Redis', { readDirectly: { sessions: 1, different: 1 } }],
    ['a phase in which nothing was done', { changes: { acknowledged: 0, lost: 0, stale: 0 } }],
  ] satisfies [string, Partial<DrillPhase>][])('fails on %s', (_, change) => {
    expect(judge([phase('kill', change)], 'tell').faults).toHaveLength(1);
  });

  it('tolerates a loss in the planned failover only when told so, and an error never', () => {
    const loss = phase(PLANNED, { changes: { acknowledged: 5, lost: 1, stale: 0 } });
    expect(judge([loss], 'tell')).toMatchObject({ faults: [], tolerated: [expect.stringContaining('1 acknowledged')] });
    expect(judge([loss], 'fail').faults).toHaveLength(1);
    expect(judge([phase(PLANNED, { requests: { ok: 1, failed: 1 } })], 'tell').faults).toHaveLength(1);
  });
});

/** One user works on a portal until it has signed out once. */
async function drill(faults: Faults): Promise<{ total: ReturnType<DrillTally['total']>; errors: string[] }> {
  const url = await startPortal(faults);
  const tally = new DrillTally();
  const gate = { isStopping: () => tally.total().logouts.acknowledged > 0, pass: () => Promise.resolve() };
  const user = new DrillUser({ instances: [url], tally, gate, index: 1, pauseMs: 0, staleMs: 200 });
  await user.work();
  await user.checkSignedOut();
  return { total: tally.total(), errors: tally.errors };
}

/** As much of the portal as the drill sees, with the faults asked for. */
async function startPortal(faults: Faults): Promise<string> {
  const sessions = new Map<string, Session>();
  const before = new Map<string, Session>();
  let requests = 0;
  let staleReads = faults.staleReads ?? 0;
  const answer = async (
    request: IncomingMessage,
  ): Promise<{ status: number; headers?: Record<string, string>; body?: object }> => {
    const sid = /sid=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
    const path = request.url ?? '';
    if (++requests === faults.failsRequest) return { status: 503 };
    if (path === '/sign-in') {
      const id = `s${requests}`;
      sessions.set(id, { cart: [], draft: {}, orders: [], changes: 1 });
      return { status: 303, headers: { location: '/', 'set-cookie': `sid=${id}; Path=/` } };
    }
    const session = sessions.get(sid);
    if (!session) return { status: 401 };
    if (request.method === 'GET') {
      const stale = before.get(sid);
      return { status: 200, body: stale && staleReads-- > 0 ? stale : session };
    }
    if (path === '/sign-out') {
      if (!faults.undoesLogout) sessions.delete(sid);
      return { status: 303, headers: { location: '/sign-in' } };
    }
    const { next, location } = changed(session, path, await formOf(request));
    before.set(sid, session);
    if (next.changes === faults.losesChange) faults.losesChange = undefined as never;
    else sessions.set(sid, next);
    return { status: 303, headers: { location } };
  };
  const server = createServer((request, response) => {
    void answer(request).then(({ status, headers = {}, body }) =>
      response.writeHead(status, headers).end(JSON.stringify(body)),
    );
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function changed(session: Session, path: string, form: URLSearchParams): { next: Session; location: string } {
  const { cart, draft, orders } = session;
  const next = { ...session, changes: session.changes + 1 };
  const get = (name: string) => form.get(name) ?? '';
  if (path === '/cart') {
    return {
      next: { ...next, cart: [...cart, { sku: get('sku'), quantity: Number(get('quantity')) }] },
      location: '/catalogue',
    };
  }
  if (path === '/orders/new/supplier')
    return { next: { ...next, draft: { supplierId: get('supplier') } }, location: '/orders/new/items' };
  if (path === '/orders/new/items') {
    const lines = [...form].map(([name, quantity]) => ({
      sku: name.slice('quantity['.length, -1),
      quantity: Number(quantity),
    }));
    return { next: { ...next, draft: { ...draft, lines } }, location: '/orders/new/approval' };
  }
  if (path === '/orders/new/approval') {
    return {
      next: { ...next, draft: { ...draft, approval: Object.fromEntries(form) } },
      location: '/orders/new/review',
    };
  }
  return { next: { ...next, cart: [], draft: {}, orders: [...orders, { number: 'PO' }] }, location: '/orders' };
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return new URLSearchParams(text);
}
