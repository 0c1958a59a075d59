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
}

interface FastifyRequestLike {
  readonly raw: RawRequest;
}

/**
 * Brings the session from Node's request, where middleware runs under Fastify, to Fastify's own, where Nest's `@Session()`,
 * guards and passport look for it.
 *
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
  }
}
