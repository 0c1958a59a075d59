import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { BadRequestException, Catch, HttpException, Inject, Injectable } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import type { Request, Response } from 'express';
import { SessionService } from 'nestjs-ha-session';
import { PageContextService } from './page-context.service.js';

/** People get a page, or the form again with what is wrong; programs get Nest's JSON. */
@Catch(HttpException)
@Injectable()
export class PageExceptionFilter extends BaseExceptionFilter implements ExceptionFilter<HttpException> {
  constructor(
    @Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost,
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(PageContextService) private readonly context: PageContextService,
  ) {
    super(httpAdapter);
  }

  override catch(error: HttpException, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    if (request.accepts(['json', 'html']) !== 'html' || response.headersSent) {
      super.catch(error, host);
      return;
    }
    const status = error.getStatus();
    const session = this.sessions.current();
    if (status === 401) {
      response.redirect(
        303,
        request.method === 'GET' ? `/sign-in?next=${encodeURIComponent(request.path)}` : '/sign-in',
      );
    } else if (error instanceof BadRequestException && session && request.method === 'POST') {
      session.notice = { kind: 'fault', text: textOf(error) };
      response.redirect(303, formPath(request));
    } else {
      response
        .status(status)
        .render('error', { title: 'Sorry', status, text: textOf(error), page: this.context.take() });
    }
  }
}

/** A form posts to its own page, or to one whose page is known by the referrer. */
function formPath(request: Request): string {
  const referrer = request.get('referer') ?? '';
  if (!URL.canParse(referrer)) return '/';
  const { host, pathname } = new URL(referrer);
  return host === request.get('host') ? pathname : '/';
}

function textOf(error: HttpException): string {
  const body = error.getResponse();
  const message = typeof body === 'string' ? body : (body as { message?: string | string[] }).message;
  return Array.isArray(message)
    ? message.map((line) => line.replace(/^[\w.[\]-]+: /, '')).join('. ')
    : (message ?? error.message);
}
