import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import type { InstallationEventSource } from './session-installation-events.js';
import type { StatsSource } from './session.stats.js';

/** Numbers of an application whose sessions do not live in Redis: there are none. @internal */
export class NoStatsSource implements StatsSource {
  snapshot(): Promise<never> {
    return refuse('snapshot');
  }

  history(): Promise<never> {
    return refuse('history');
  }

  capacity(): Promise<never> {
    return refuse('capacity');
  }

  installations(): Promise<never> {
    return refuse('installations');
  }

  installation(): Promise<never> {
    return refuse('of');
  }

  jobs(): readonly [] {
    return [];
  }
}

/** Events of an application whose own store reports none. @internal */
export class NoEventSource implements InstallationEventSource {
  subscribe(): never {
    throw new SessionUnsupportedError('SessionInstallationEvents.subscribe()', 'sessions in Redis or in this process');
  }
}

function refuse(method: string): Promise<never> {
  return Promise.reject(new SessionUnsupportedError(`SessionStats.${method}()`, 'sessions in Redis'));
}
