import type { OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { SessionInstallationEvent } from './installation-event.js';

/** How an application takes the events of the whole installation. @public */
export interface SessionInstallationListener {
  /**
   * Takes one event. The next one of the same session comes once the returned promise is settled; what it throws is logged.
   */
  readonly next: (event: SessionInstallationEvent) => unknown;
  /**
   * Events went before they were read: this process stood still, or was cut off from Redis, for longer than the stream reaches
   * back (10,000 events). Whatever is derived from events has to be looked up anew.
   */
  readonly lost?: (() => void) | undefined;
  /**
   * Name of a group of instances, of which one gets each event: for mails, audit logs, counters. A new group begins with the
   * events from now on, and a group that nobody reads for a week is forgotten. Without a name every instance gets every event.
   */
  readonly group?: string | undefined;
}

/** A subscription of the installation's events. @public */
export interface SessionInstallationSubscription {
  /** Resolves once every event from now on will come. */
  readonly ready: Promise<void>;
  /** Ends it; resolves once the listener has returned. */
  close(): Promise<void>;
}

/** Where events come from. @internal */
export interface InstallationEventSource {
  subscribe(listener: SessionInstallationListener): SessionInstallationSubscription;
}

/** Injection token of the source. @internal */
export const SESSION_EVENT_SOURCE = Symbol.for('nestjs-ha-session:event-source');

/**
 * What happens to the sessions of the whole installation, whichever instance does it; `SessionEvents` has what this process did.
 *
 * @remarks
 * Each change writes its event in the same step, into a bounded stream in Redis that holds the latest 10,000 for each bucket.
 * Events of one session come in their order. Subscribers look four times a second, and no request waits for them.
 *
 * @public
 */
@Injectable()
export class SessionInstallationEvents implements OnApplicationShutdown {
  private readonly logger = new Logger('SessionInstallationEvents');
  private readonly subscriptions = new Set<SessionInstallationSubscription>();

  /** @internal */
  constructor(@Inject(SESSION_EVENT_SOURCE) private readonly source: InstallationEventSource) {}

  /**
   * Subscribes to the events from now on.
   *
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  subscribe(listener: SessionInstallationListener): SessionInstallationSubscription {
    const inner = this.source.subscribe({ ...listener, next: (event) => this.call(listener, event) });
    const subscription = {
      ready: inner.ready,
      close: () => {
        this.subscriptions.delete(subscription);
        return inner.close();
      },
    };
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** Ends all subscriptions; called by Nest. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.close()));
  }

  private async call({ next }: SessionInstallationListener, event: SessionInstallationEvent): Promise<void> {
    try {
      await next(event);
    } catch (error) {
      this.logger.error(
        `A listener of the installation's event "${event.type}" failed`,
        error instanceof Error ? error.stack : String(error),
      );
    }
  }
}
