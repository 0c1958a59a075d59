import {
  All,
  Controller,
  Headers,
  HttpException,
  Inject,
  NotFoundException,
  Param,
  Req,
  UseFilters,
} from '@nestjs/common';
import type { Request } from 'express';
import { PORTAL_SETTINGS } from '../portal.tokens.js';
import { JsonExceptionFilter } from '../pages/json-exception.filter.js';
import type { PortalSettings } from '../portal.settings.js';
import { Open } from '../sign-in/access.guard.js';

/**
 * Passes the lab panel's requests on to the control server of `npm start`, which alone may kill anything. The panel's
 * token is checked there. Open and without a session, so that the panel works while Redis does not.
 */
@Controller('lab')
@Open()
@UseFilters(JsonExceptionFilter)
export class LabController {
  constructor(@Inject(PORTAL_SETTINGS) private readonly settings: PortalSettings) {}

  @All('*path')
  async forward(
    @Param('path') path: string[],
    @Req() request: Request,
    @Headers('authorization') authorization = '',
  ): Promise<unknown> {
    const { lab } = this.settings;
    if (!lab) throw new NotFoundException('This portal runs without a lab');
    const answer = await fetch(`${lab.url}/${path.map(encodeURIComponent).join('/')}`, {
      method: request.method,
      headers: { authorization },
      signal: AbortSignal.timeout(30_000),
    });
    const body: unknown = await answer.json();
    if (!answer.ok) throw new HttpException(body as object, answer.status);
    return body;
  }
}
