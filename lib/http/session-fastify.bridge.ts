import type { Socket } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { RawRequest } from './raw-http.js';

/** What is used of a Fastify instance. */
interface FastifyLike {
  hasRequestDecorator(name: string): boolean;
  decorateRequest(
    name: string,
    accessor: { getter(this: FastifyRequestLike): unknown; setter?(this: FastifyRequestLike, value: unknown): void },
  ): void;
  hasReplyDecorator(name: string): boolean;
  decorateReply(name: string, method: (this: FastifyReplyLike, ...args: never[]) => void): void;
}

interface FastifyRequestLike {
  readonly raw: RawRequest;
}

interface FastifyReplyLike {
  header(name: string, value: unknown): unknown;
  send(payload?: unknown): unknown;
}

/**
 * Dresses Fastify's own request and reply, which Nest gives to handlers and guards.
 *
 * @remarks The request gets the session of Node's request, where middleware runs under Fastify: Nest's `@Session()`, guards and
 *   passport look for it there. Request and reply get the three members of Node's that passport's strategies use: those that send
 *   the browser elsewhere call `setHeader` and `end`, and those with a relative callback URL read `connection`.
 * @internal
 */
@Injectable()
export class SessionFastifyBridge implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const { httpAdapter } = this.host as Partial<HttpAdapterHost>;
    if (httpAdapter?.getType() !== 'fastify') return;
    const fastify = httpAdapter.getInstance<FastifyLike>();
    for (const name of ['session', 'sessionID', 'sessionStore'] as const) {
      // Another session plugin's, or that of a second SessionModule.
      if (fastify.hasRequestDecorator(name)) continue;
      fastify.decorateRequest(name, {
        getter() {
          return this.raw[name];
        },
        setter(value) {
          Object.assign(this.raw, { [name]: value });
        },
      });
    }
    dressForPassport(fastify);
  }
}

function dressForPassport(fastify: FastifyLike): void {
  if (!fastify.hasRequestDecorator('connection')) {
    fastify.decorateRequest('connection', {
      getter(): Socket {
        return this.raw.socket;
      },
    });
  }
  if (!fastify.hasReplyDecorator('setHeader')) {
    fastify.decorateReply('setHeader', function (name: string, value: unknown) {
      this.header(name, value);
    });
  }
  if (!fastify.hasReplyDecorator('end')) {
    fastify.decorateReply('end', function (payload?: unknown) {
      this.send(payload);
    });
  }
}
