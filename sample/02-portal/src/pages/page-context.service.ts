import { Inject, Injectable } from '@nestjs/common';
import { SessionService } from 'nestjs-ha-session';
import { PORTAL_SETTINGS } from '../portal.tokens.js';
import type { PortalSettings } from '../portal.settings.js';
import type { Notice } from '../session-data.js';
import type { PortalUser } from '../sign-in/directory.service.js';

/** What every page shows besides its own content. */
export interface PageContext {
  readonly instance: string;
  /** `host:port` of the Redis primary in use; `null`: none at the moment; `undefined`: sessions live in this process. */
  readonly primary: string | null | undefined;
  readonly user: PortalUser | undefined;
  readonly cartCount: number;
  readonly notice: Notice | undefined;
  readonly labToken: string | undefined;
}

@Injectable()
export class PageContextService {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(PORTAL_SETTINGS) private readonly settings: PortalSettings,
  ) {}

  get primary(): string | null | undefined {
    return this.sessions.status()?.primary;
  }

  /** Takes the notice out of the session: it is shown once. */
  take(): PageContext {
    const session = this.sessions.current();
    const { user, cart = [], notice } = session ?? {};
    if (session && notice) delete session.notice;
    return {
      instance: this.settings.instance,
      primary: this.primary,
      user,
      cartCount: cart.reduce((sum, line) => sum + line.quantity, 0),
      notice,
      // Whoever is signed in may drive the lab of this demo; the token proves it while Redis is down.
      labToken: user && this.settings.lab?.token,
    };
  }
}
