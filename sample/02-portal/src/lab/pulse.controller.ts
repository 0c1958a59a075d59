import { BadRequestException, Controller, HttpCode, Inject, Param, ParseIntPipe, Post } from '@nestjs/common';
import { CurrentSession } from 'nestjs-ha-session';
import { PageContextService } from '../pages/page-context.service.js';
import { PORTAL_SETTINGS } from '../portal.tokens.js';
import type { PortalSettings } from '../portal.settings.js';
import type { PortalSession } from '../session-data.js';

/** So many requests of one page may be under way at the same time, each changing a field of its own. */
const SLOTS = 16;

/** The lab's own requests: each one changes the session, and the page checks that no acknowledged change is lost. */
@Controller('pulse')
export class PulseController {
  constructor(
    @Inject(PORTAL_SETTINGS) private readonly settings: PortalSettings,
    @Inject(PageContextService) private readonly context: PageContextService,
  ) {}

  @Post(':slot/:number')
  @HttpCode(200)
  beat(
    @CurrentSession() session: PortalSession,
    @Param('slot', ParseIntPipe) slot: number,
    @Param('number', ParseIntPipe) number: number,
  ) {
    if (slot < 0 || slot >= SLOTS) throw new BadRequestException(`There are ${SLOTS} slots`);
    const slots = Array.from({ length: SLOTS }, (_, index) => session[`pulse${index}`] ?? 0);
    session[`pulse${slot}`] = number;
    return { instance: this.settings.instance, primary: this.context.primary, slots };
  }
}
