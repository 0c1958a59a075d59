import type { SessionEvent } from '../core/session-events.js';
import type { SessionEndReason } from './session-counts.js';
import type { SessionInstallationEvent } from './installation-event.js';
import type {
  InstallationEventSource,
  SessionInstallationListener,
  SessionInstallationSubscription,
} from './session-installation-events.js';

/** Events of an installation that is this process alone: its own. @internal */
export class LocalEventSource implements InstallationEventSource {
  readonly #listeners = new Set<SessionInstallationListener>();

  /** Passes on what happened in this process. */
  emit(event: SessionEvent): void {
    const passed = installationEventOf(event, Date.now());
    if (passed) for (const { next } of this.#listeners) void next(passed);
  }

  subscribe(listener: SessionInstallationListener): SessionInstallationSubscription {
    // A group has one member here, and one of several listeners of a group is as good as another.
    const isTaken = [...this.#listeners].some(({ group }) => group !== undefined && group === listener.group);
    if (!isTaken) this.#listeners.add(listener);
    return {
      ready: Promise.resolve(),
      close: () => {
        this.#listeners.delete(listener);
        return Promise.resolve();
      },
    };
  }
}

function installationEventOf(event: SessionEvent, atMs: number): SessionInstallationEvent | null {
  const { type, id } = event;
  const ended = (reason: SessionEndReason, userId: string | null = null): SessionInstallationEvent => ({
    type: 'ended',
    id,
    userId,
    reason,
    atMs,
  });
  switch (type) {
    case 'created':
      return { type, id, userId: event.userId, atMs };
    case 'destroyed':
      return ended('logout');
    case 'expired':
      return ended('expired');
    case 'rotated':
      return ended('rotated');
    case 'revoked':
      return ended(event.reason === 'limit' ? 'limit' : 'revoked', event.userId);
    default:
      return null;
  }
}
