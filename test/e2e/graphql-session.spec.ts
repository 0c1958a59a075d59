import { setTimeout as delay } from 'node:timers/promises';
import { ApolloDriver } from '@nestjs/apollo';
import type { ApolloDriverConfig } from '@nestjs/apollo';
import { Inject } from '@nestjs/common';
import { Args, Field, GraphQLModule, Int, Mutation, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionAccess,
  SessionId,
  SessionModule,
  SessionService,
  SessionValue,
} from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { SECRET, startHttpApp } from '../support/http-app.js';
import type { HttpApp } from '../support/http-app.js';
import type { HttpClient } from '../support/http-client.js';
import { newInstallation } from '../support/session-site.js';
import type { SiteData } from '../support/session-site.js';

/** Sessions in resolvers, over HTTP. */

type Live = LiveSession<SiteData>;

@ObjectType()
class Person {
  @Field(() => String, { nullable: true })
  name!: string | null;
}

@Resolver(() => Person)
class Accounts {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Query(() => Person)
  me(@SessionValue('user') user: string | undefined): Person {
    return { name: user ?? null };
  }

  @ResolveField(() => Boolean)
  hasId(@SessionId() id: string): boolean {
    return id === this.sessions.current()?.id;
  }

  @Query(() => Int)
  count(@CurrentSession() session: Live): number {
    return session.count ?? 0;
  }

  @Mutation(() => Boolean)
  login(@CurrentSession() session: Live, @Args('user') user: string): boolean {
    session.user = user;
    return session === this.sessions.current();
  }

  @Mutation(() => Int)
  @SessionAccess('exclusive')
  async increment(@CurrentSession() session: Live): Promise<number> {
    const count = session.count ?? 0;
    await delay(5);
    return (session.count = count + 1);
  }

  @Query(() => Int)
  @SessionAccess('exclusive')
  async incrementByQuery(@CurrentSession() session: Live): Promise<number> {
    const count = session.count ?? 0;
    await delay(5);
    return (session.count = count + 1);
  }

  @Mutation(() => Boolean)
  @SessionAccess('readonly')
  peek(@CurrentSession() session: Live): boolean {
    session.count = 99;
    return true;
  }

  @Mutation(() => Boolean)
  @SessionAccess('none')
  none(@CurrentSession() session: Live): boolean {
    session.count = 99;
    return true;
  }

  @Mutation(() => Boolean)
  @SessionAccess('exclusive')
  fail(): boolean {
    throw new Error('of the resolver');
  }
}

/** So that what Nest knows by decorators is a type in `SessionData`, too. */
declare module 'express-session' {
  interface SessionData {
    user?: string;
  }
}

const SERVERS = [
  {
    name: 'Apollo on express',
    platform: 'express',
    graphql: () => GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
  },
  {
    name: 'Mercurius on fastify',
    platform: 'fastify',
    graphql: () => GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, autoSchemaFile: true }),
  },
] as const;

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

describe.each(SERVERS)('with $name', ({ platform, graphql }) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  const start = async (): Promise<HttpApp> => {
    const { application } = newInstallation();
    const { host, port } = redis;
    const module = SessionModule.forRoot({ application, secret: SECRET, redis: { host, port } });
    return startHttpApp({ platform, modules: [module, graphql()], providers: [Accounts] });
  };
  const ask = async (client: HttpClient, query: string, headers: Record<string, string> = {}): Promise<Answer> =>
    (await client.post('/graphql', { query }, { headers })).json as Answer;

  it('the param decorators give a resolver the session of its request', async () => {
    const { client } = await start();
    const browser = client();
    expect(await ask(browser, 'mutation { login(user: "ann") }')).toEqual({ data: { login: true } });
    expect(await ask(browser, '{ me { name hasId } count }')).toEqual({
      data: { me: { name: 'ann', hasId: true }, count: 0 },
    });
  });

  it.each(['mutation { increment }', '{ incrementByQuery }'])('exclusive access holds: %s', async (query) => {
    const { client } = await start();
    const browser = client();
    await ask(browser, 'mutation { login(user: "ann") }');
    const headers = { cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(client(), query, headers)));
    expect(answers.flatMap(({ errors = [] }) => errors)).toEqual([]);
    expect(await ask(browser, '{ count }')).toEqual({ data: { count: 20 } });
  });

  it('several exclusive fields of one operation share its lock', async () => {
    const { client } = await start();
    const browser = client();
    await ask(browser, 'mutation { login(user: "ann") }');
    expect(await ask(browser, 'mutation { a: increment b: increment c: increment }')).toEqual({
      data: { a: 1, b: 2, c: 3 },
    });
    expect(await ask(browser, '{ count }')).toEqual({ data: { count: 3 } });
  });

  it('an exclusive field that fails gives the lock back', async () => {
    const { client } = await start();
    const browser = client();
    await ask(browser, 'mutation { login(user: "ann") }');
    expect((await ask(browser, 'mutation { fail }')).errors?.[0]?.message).toBeTypeOf('string');
    expect(await ask(browser, 'mutation { increment }')).toEqual({ data: { increment: 1 } });
  });

  it('read-only access refuses a change, and stores none', async () => {
    const { client } = await start();
    const browser = client();
    await ask(browser, 'mutation { login(user: "ann") }');
    const text = JSON.stringify(await ask(browser, 'mutation { peek }'));
    expect(text).not.toContain('"peek":true');
    expect(await ask(browser, '{ count }')).toEqual({ data: { count: 0 } });
  });

  it('no access stores no change', async () => {
    const { client } = await start();
    const browser = client();
    await ask(browser, 'mutation { login(user: "ann") }');
    await ask(browser, 'mutation { none }');
    expect(await ask(browser, '{ count }')).toEqual({ data: { count: 0 } });
  });
});
