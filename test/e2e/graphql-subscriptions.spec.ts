import { ApolloDriver } from '@nestjs/apollo';
import type { ApolloDriverConfig } from '@nestjs/apollo';
import { Inject } from '@nestjs/common';
import { GraphQLModule, Int, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver } from '@nestjs/mercurius';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { createClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { SessionModule, SessionService, SessionValue } from '../../lib/index.js';
import { signInAs } from '../../lib/testing/index.js';
import { SECRET, startHttpApp } from '../support/http-app.js';

/** GraphQL over WebSockets: no session, and whoever asks for one is told so. */

async function* once(payload: object): AsyncGenerator<object> {
  yield await Promise.resolve(payload);
}

@Resolver()
class News {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Query(() => Int)
  one(): number {
    return 1;
  }

  @Subscription(() => String)
  mine(@SessionValue('user') user: string | undefined): AsyncGenerator<object> {
    return once({ mine: user });
  }

  @Subscription(() => Boolean)
  hasSession(): AsyncGenerator<object> {
    return once({ hasSession: this.sessions.current() !== undefined });
  }
}

const SERVERS = [
  {
    name: 'Apollo on express',
    platform: 'express',
    graphql: () =>
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': true },
      }),
  },
  {
    name: 'Mercurius on fastify',
    platform: 'fastify',
    graphql: () =>
      GraphQLModule.forRoot<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        autoSchemaFile: true,
        subscription: true,
      }),
  },
] as const;

describe.each(SERVERS)('a subscription with $name', ({ platform, graphql }) => {
  const subscribe = async (query: string): Promise<string> => {
    const { app, url } = await startHttpApp({
      platform,
      modules: [SessionModule.forRoot({ application: 'subscriptions', secret: SECRET }), graphql()],
      providers: [News],
    });
    const { cookie } = await signInAs(app, { user: 'ann' });
    class Browser extends WebSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols, { headers: { cookie } });
      }
    }
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: Browser,
      retryAttempts: 0,
    });
    onTestFinished(async () => {
      await client.dispose();
    });
    const results: unknown[] = [];
    try {
      for await (const result of client.iterate({ query })) results.push(result);
    } catch (error) {
      results.push(error);
    }
    return JSON.stringify(results);
  };

  it('has no session for its decorators, and says so', async () => {
    const answer = await subscribe('subscription { mine }');
    expect(answer).toContain('found no session');
    expect(answer).not.toContain('ann');
  });

  it('has none by `current()`', async () => {
    expect(await subscribe('subscription { hasSession }')).toContain('"hasSession":false');
  });
});
