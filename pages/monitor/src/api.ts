import type { Actions, MonitorState, Reads, TimelineEntry } from './model.js';

/** The page's own address, whatever stands before it: this script is `…/assets/monitor.js`. */
const BASE = new URL('../', import.meta.url);

/** The monitor has refused, or did not answer; the message is for people. */
export class ApiError extends Error {}

/** Asks for something. */
export function read<K extends keyof Reads>(name: K, query: Record<string, string> = {}): Promise<Reads[K]> {
  const url = new URL(`api/${name}`, BASE);
  url.search = new URLSearchParams(query).toString();
  return answerOf(fetch(url, { credentials: 'same-origin' }));
}

/** Sends something. The header shows that it is this page that does. */
export function act<K extends keyof Actions>(name: K, body: Record<string, string>): Promise<Actions[K]> {
  return answerOf(
    fetch(new URL(`api/${name}`, BASE), {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json', 'x-session-monitor': '1' },
      body: JSON.stringify(body),
    }),
  );
}

/** What the stream calls. */
export interface StreamListener {
  onState(state: MonitorState): void;
  onTimeline(entries: readonly TimelineEntry[]): void;
  /** `lost`: the browser tries again; `refused`: it does not. */
  onConnection(state: 'open' | 'lost' | 'refused'): void;
}

/** Listens to the installation until the page is left. */
export function listen(listener: StreamListener): void {
  const source = new EventSource(new URL('api/live', BASE));
  source.addEventListener('open', () => {
    listener.onConnection('open');
  });
  source.addEventListener('error', () => {
    listener.onConnection(source.readyState === EventSource.CLOSED ? 'refused' : 'lost');
  });
  source.addEventListener('state', ({ data }: MessageEvent<string>) => {
    listener.onState(JSON.parse(data) as MonitorState);
  });
  source.addEventListener('timeline', ({ data }: MessageEvent<string>) => {
    listener.onTimeline(JSON.parse(data) as TimelineEntry[]);
  });
}

async function answerOf<T>(sent: Promise<Response>): Promise<T> {
  let response: Response;
  try {
    response = await sent;
  } catch {
    throw new ApiError('The application does not answer.');
  }
  const body = (await response.json().catch(() => null)) as { message?: unknown } | null;
  if (response.ok && body !== null) return body as T;
  const message = typeof body?.message === 'string' ? body.message : response.statusText;
  throw new ApiError(message === '' ? `The answer is ${response.status}.` : message);
}
