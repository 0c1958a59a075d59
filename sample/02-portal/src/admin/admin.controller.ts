import { Controller, Get, Inject } from '@nestjs/common';
import { SessionService } from 'nestjs-ha-session';
import { Page } from '../pages/page.decorator.js';
import { PORTAL_SETTINGS } from '../portal.tokens.js';
import type { PortalSettings } from '../portal.settings.js';
import { ForRole } from '../sign-in/access.guard.js';

@Controller('admin')
@ForRole('administrator')
export class AdminController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(PORTAL_SETTINGS) private readonly settings: PortalSettings,
  ) {}

  @Get()
  @Page('admin')
  async show() {
    return { title: 'Admin', ...(await this.counts()) };
  }

  /** What the page asks for every few seconds. */
  @Get('counts')
  async counts() {
    return {
      liveSessions: await this.sessions.count(),
      instance: this.settings.instance,
      uptimeSeconds: Math.round(process.uptime()),
    };
  }
}
