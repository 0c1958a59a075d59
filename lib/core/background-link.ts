import type { SessionLink } from './session-link.js';

/** The same link for work that nobody waits for: it ends with the application, also while Redis is away. @internal */
export function inBackground(link: SessionLink): SessionLink {
  return {
    execute: (command, options) => link.execute(command, { ...options, background: true }),
    ready: () => link.ready(),
    nowMs: () => link.nowMs(),
    status: () => link.status(),
    inspect: (timeoutMs) => link.inspect(timeoutMs),
    on: (event, listener) => link.on(event, listener),
    watch: (request) => link.watch(request),
    close: () => link.close(),
  };
}
