import type { ServerResponse } from 'node:http';
import type { Type } from '@nestjs/common';
import { Controller, Get, Inject, Param, Post, Req, Res, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { MonitorAnswer, MonitorRequest } from './monitor-answer.js';
import { answerOf } from './monitor-answer.js';
import { MonitorActions, onlyFromOwnPage } from './monitor-actions.js';
import { MonitorFeed } from './monitor-feed.js';
import { assetAnswer, pageAnswer } from './monitor-page.js';
import { MonitorReads } from './monitor-reads.js';
import type { ResolvedSessionMonitorOptions } from './session-monitor.options.js';

/** A request of Express or Fastify. */
interface IncomingPage extends MonitorRequest {
  readonly url: string;
  readonly originalUrl?: string;
}

/** A response of Express, or a reply of Fastify. */
type Outgoing = ServerResponse | { readonly raw: ServerResponse; hijack(): unknown };

/**
 * The routes of one monitor.
 *
 * @remarks They answer by the response itself: pipes, interceptors and filters that an application has for its own answers leave
 *   these as they are. Guards, and the filters that see what guards throw, work as ever.
 * @internal
 */
export function createMonitorController({ route, guards }: ResolvedSessionMonitorOptions): Type {
  @Controller({ path: route, version: VERSION_NEUTRAL })
  @UseGuards(...guards)
  class SessionMonitorController {
    constructor(
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
      @Inject(MonitorReads) private readonly reads: MonitorReads,
      @Inject(MonitorActions) private readonly actions: MonitorActions,
      @Inject(MonitorFeed) private readonly feed: MonitorFeed,
    ) {}

    @Get()
    page(@Req() request: IncomingPage, @Res() response: Outgoing): void {
      this.send(response, pageAnswer(request.originalUrl ?? request.url, route));
    }

    @Get('assets/:name')
    asset(@Param('name') name: string, @Req() request: IncomingPage, @Res() response: Outgoing): void {
      this.send(response, assetAnswer(name, request.headers['if-none-match']));
    }

    @Get('api/live')
    live(@Res() response: Outgoing): void {
      if ('hijack' in response) response.hijack();
      this.feed.open('raw' in response ? response.raw : response);
    }

    @Get('api/:name')
    async read(@Param('name') name: string, @Req() request: IncomingPage, @Res() response: Outgoing): Promise<void> {
      this.send(response, await answerOf(this.reads.handlers.get(name), request));
    }

    @Post('api/:name')
    async act(@Param('name') name: string, @Req() request: IncomingPage, @Res() response: Outgoing): Promise<void> {
      this.send(response, await answerOf(onlyFromOwnPage(this.actions.handlers.get(name)), request));
    }

    private send(response: Outgoing, { status, headers, body }: MonitorAnswer): void {
      const { httpAdapter } = this.host;
      for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
      httpAdapter.reply(response, body, status);
    }
  }
  return SessionMonitorController;
}
