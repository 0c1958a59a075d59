import { Controller, Get, Inject } from '@nestjs/common';
import { CurrentSession } from 'nestjs-ha-session';
import { PORTAL_SETTINGS } from '../portal.tokens.js';
import type { PortalSettings } from '../portal.settings.js';
import type { PortalSession } from '../session-data.js';

/** What is in the caller's own session; `npm start -- --drill` compares it with what was acknowledged. */
@Controller('session')
export class SessionController {
  constructor(@Inject(PORTAL_SETTINGS) private readonly settings: PortalSettings) {}

  @Get()
  show(@CurrentSession() { user, cart = [], draft = {}, orders = [], changes = 0 }: PortalSession) {
    return { instance: this.settings.instance, user, cart, draft, orders, changes };
  }
}
