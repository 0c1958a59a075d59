import type { OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { Subject } from 'rxjs';
import type { SessionEvent } from './core/session-events.js';

/** What happens, by name. @public */
export type SessionEventType = SessionEvent['type'];

const HANDLERS = Symbol.for('nestjs-ha-session:on-session-event');

type Handler = (event: SessionEvent) => unknown;

/**
 * Calls a provider's or controller's method for each event of these types, or of every type when none is named. What the method
 * throws, or its promise rejects with, is logged and disturbs nobody.
 *
 * @param types - `created`, `destroyed`, `expired` …
 * @public
 */
export function OnSessionEvent<T extends SessionEventType = SessionEventType>(...types: T[]) {
  return <M extends (event: Extract<SessionEvent, { type: T }>) => unknown>(
    _target: object,
    _key: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    Reflect.defineMetadata(HANDLERS, types, descriptor.value as object);
  };
}

/**
 * What happens to sessions, as an observable and through {@link OnSessionEvent}. Events of this process's own requests, and of
 * expiries that it was the one to notice.
 *
 * @public
 */
@Injectable()
export class SessionEvents implements OnApplicationBootstrap {
  private readonly subject = new Subject<SessionEvent>();
  private readonly logger = new Logger('SessionEvents');
  /** Every event, as it happens. */
  readonly all: Observable<SessionEvent> = this.subject.asObservable();

  /** @internal */
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
  ) {}

  /** Finds the methods that want events; called by Nest. */
  onApplicationBootstrap(): void {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const isShared = (wrapper: (typeof wrappers)[number]): boolean => wrapper.isDependencyTreeStatic();
    const instances = new Set(wrappers.filter(isShared).map(({ instance }) => instance as unknown));
    for (const instance of instances) if (typeof instance === 'object' && instance !== null) this.subscribe(instance);
    const classes = new Set(wrappers.filter((wrapper) => !isShared(wrapper)).map(({ metatype }) => metatype));
    for (const type of classes) if (typeof type === 'function') this.warnOfScope(type.name, type.prototype);
  }

  /** @internal */
  emit(event: SessionEvent): void {
    this.subject.next(event);
  }

  /** There is no instance to call when an event happens outside of its request. */
  private warnOfScope(name: string, prototype: unknown): void {
    for (const [method] of this.handlersOf(prototype)) {
      this.logger.warn(
        `${name}.${method} is never called: @OnSessionEvent needs a provider that is not request-scoped, ` +
          'nor injects one that is.',
      );
    }
  }

  private *handlersOf(prototype: unknown): Generator<[string, Handler, readonly SessionEventType[]]> {
    if (typeof prototype !== 'object' || prototype === null) return;
    for (const name of this.scanner.getAllMethodNames(prototype)) {
      const method = (prototype as Record<string, Handler | undefined>)[name];
      const types = method && (Reflect.getMetadata(HANDLERS, method) as readonly SessionEventType[] | undefined);
      if (types) yield [name, method, types];
    }
  }

  private subscribe(instance: object): void {
    for (const [, method, types] of this.handlersOf(Object.getPrototypeOf(instance))) {
      this.all.subscribe((event) => {
        if (types.length === 0 || types.includes(event.type)) void this.call(instance, method, event);
      });
    }
  }

  private async call(instance: object, method: Handler, event: SessionEvent): Promise<void> {
    try {
      await method.call(instance, event);
    } catch (error) {
      this.logger.error(
        `A handler of the session event "${event.type}" failed`,
        error instanceof Error ? error.stack : String(error),
      );
    }
  }
}
