import type { SessionLink } from '../core/session-link.js';
import type { RedisKeyLayout } from '../store/redis-key-layout.js';
import { EventReader } from './event-reader.js';
import type { SessionInstallationEvent } from './installation-event.js';
import type {
  InstallationEventSource,
  SessionInstallationListener,
  SessionInstallationSubscription,
} from './session-installation-events.js';
import { RedisSessionLease } from './session-lease.js';
import { storeCursors } from '../scripts/scripts.generated.js';
import { textsOf } from './stream-entry.js';

/** How often subscribers look for events. @unit milliseconds */
const POLL_MS = 250;

/** How often a group's reader renews its lease, and others ask for it. @unit milliseconds */
const LEASE_MS = 1000;

/** Field of a lease that keeps a group's place in the stream of one bucket. */
const PLACE = /^at:(\d+)$/;

/** Events out of the installation's streams in Redis. @internal */
export class RedisEventSource implements InstallationEventSource {
  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
  ) {}

  subscribe(listener: SessionInstallationListener): SessionInstallationSubscription {
    const { link, layout } = this;
    return listener.group === undefined
      ? new StreamSubscription(new EventReader(link, layout, sinkOf(listener)))
      : new GroupSubscription(link, layout, listener, layout.lease(`group:${listener.group}`));
  }
}

function sinkOf({ next, lost }: SessionInstallationListener): {
  take(events: readonly SessionInstallationEvent[]): Promise<void>;
  lose(): void;
} {
  return {
    async take(events) {
      for (const event of events) await next(event);
    },
    lose() {
      lost?.();
    },
  };
}

/** Looks again and again until it is closed; each look is over before the next begins. */
abstract class PollingSubscription implements SessionInstallationSubscription {
  readonly ready: Promise<void>;
  #isClosed = false;
  #running: Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    let isReady: () => void = () => undefined;
    this.ready = new Promise((resolve) => (isReady = resolve));
    // Not before the constructors of the classes below are through.
    this.#running = Promise.resolve().then(() => this.#run(isReady));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.leave();
  }

  /** Whether it still reads. */
  protected readonly isWanted = (): boolean => !this.#isClosed;

  /** Looks once; resolves with whether every event from now on will come. */
  protected abstract look(): Promise<boolean>;

  /** Gives back what it holds. */
  protected abstract leave(): Promise<void>;

  async #run(isReady: () => void): Promise<void> {
    // The link reports its failures, and has tried for as long as an operation may take: the next look comes.
    if (await this.look().catch(() => false)) isReady();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run(isReady);
    }, POLL_MS).unref();
  }
}

/** Every event for this process. */
class StreamSubscription extends PollingSubscription {
  #hasBegun = false;

  constructor(private readonly reader: EventReader) {
    super();
  }

  protected async look(): Promise<boolean> {
    if (!this.#hasBegun) await this.reader.begin(new Map());
    this.#hasBegun = true;
    await this.reader.read(this.isWanted);
    return true;
  }

  protected leave(): Promise<void> {
    return Promise.resolve();
  }
}

/** Each event for one of a group's processes: for the one that holds the group's lease, which keeps its places, too. */
class GroupSubscription extends PollingSubscription {
  readonly #lease: RedisSessionLease;
  #reader: EventReader | null = null;
  /** Beside the reading: a listener that takes its time must not cost the lease. */
  readonly #renewal = setInterval(() => void this.#lease.take().catch(() => false), LEASE_MS).unref();
  #isFirst = true;

  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly listener: SessionInstallationListener,
    key: string,
  ) {
    super();
    this.#lease = new RedisSessionLease(link, key);
  }

  protected async look(): Promise<boolean> {
    if (this.#isFirst) await this.#lease.take();
    this.#isFirst = false;
    if (!this.#lease.isHeld) {
      this.#reader = null;
      return (await this.#places()).size > 0;
    }
    this.#reader ??= await this.#begin();
    await this.#reader.read(() => this.isWanted() && this.#lease.isHeld);
    return true;
  }

  protected leave(): Promise<void> {
    clearInterval(this.#renewal);
    return this.#lease.drop();
  }

  async #begin(): Promise<EventReader> {
    const arrive = (places: ReadonlyMap<number, string>): Promise<void> => this.#store(places);
    const reader = new EventReader(this.link, this.layout, { ...sinkOf(this.listener), arrive });
    await reader.begin(await this.#places());
    await this.#store(reader.places());
    return reader;
  }

  /** Where the group is, whoever has brought it there. */
  async #places(): Promise<ReadonlyMap<number, string>> {
    const places = new Map<number, string>();
    const stored = await this.link.execute({ run: 'hgetall', keys: [this.#lease.key], args: [] });
    for (const [field, place] of textsOf(stored)) {
      const bucket = PLACE.exec(field)?.[1];
      if (bucket !== undefined) places.set(Number(bucket), place);
    }
    return places;
  }

  /** A reader that lost the lease meanwhile reads no further: another one goes on from what is stored. */
  async #store(places: ReadonlyMap<number, string>): Promise<void> {
    const cursors = [...places].flatMap(([bucket, place]) => [`at:${bucket}`, place]);
    const { key, owner } = this.#lease;
    if ((await storeCursors(this.link, { lease: key }, { owner, cursors })) === 1) return;
    this.#reader = null;
    throw new Error('the lease of the group is held by another instance');
  }
}
